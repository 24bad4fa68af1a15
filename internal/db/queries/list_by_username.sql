-- name: list_by_username
-- A cursor keeps our memory constant; collate pg_catalog."C" makes the order the same on every server.
declare listing no scroll cursor without hold for
-- with: users
order by u.username collate pg_catalog."C"
