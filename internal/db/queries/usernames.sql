-- name: usernames
-- For the shell's completion: only names that need no quotes in any shell, as shell.IsBare says. Others would run as
-- code. Unlike LIKE, starts_with has no wildcards that would need an escape.
select username
from UZERP.users
where pg_catalog.starts_with(username::pg_catalog.text, @prefix::pg_catalog.text)
    and username::pg_catalog.text collate pg_catalog."C" operator(pg_catalog.~) '^[A-Za-z0-9_.+]'
    and username::pg_catalog.text collate pg_catalog."C" operator(pg_catalog.!~) '[^A-Za-z0-9_.@+-]'
order by username collate pg_catalog."C"
limit @limit
