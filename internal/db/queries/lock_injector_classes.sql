-- name: lock_injector_classes
-- The rows that a switch was planned from must not change until it is committed. Every session locks them in the order
-- of their ids, so that no two wait for each other.
-- with: injector_rows
for update
