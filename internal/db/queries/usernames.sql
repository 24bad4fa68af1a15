-- name: usernames
-- For the shell's completion. Unlike LIKE, starts_with has no wildcards that would need an escape.
select username
from UZERP.users
where pg_catalog.starts_with(username::pg_catalog.text, @prefix::pg_catalog.text)
order by username collate pg_catalog."C"
limit @limit
