-- name: list_unordered
-- For a count: the server sorts nothing.
-- with: users
limit @limit::pg_catalog.int8
