-- name: lock_injector_classes
-- What a switch was planned on must stay until it is committed; always in the order of ids, against deadlocks.
-- with: injector_rows
for update
