-- name: list_by_username
-- collate pg_catalog."C" makes the order the same on every server.
-- with: users
order by u.username collate pg_catalog."C"
limit @limit::pg_catalog.int8
