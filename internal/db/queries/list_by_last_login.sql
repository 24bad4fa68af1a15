-- name: list_by_last_login
-- Orders by the cleaned last_login of the select list, not by the column.
-- with: users
order by last_login desc nulls last, u.username collate pg_catalog."C"
limit @limit::pg_catalog.int8
