-- name: usernames
-- For the shell's completion: only names that need no quotes in any shell, as shell.IsBare says. Others would run as
-- code. Unlike LIKE, starts_with has no wildcards that would need an escape.
select username
from users
where starts_with(username::text, @prefix::text)
  and username::text collate "C" ~ '^[A-Za-z0-9_.+]'
  and username::text collate "C" !~ '[^A-Za-z0-9_.@+-]'
order by username collate "C"
limit @limit
