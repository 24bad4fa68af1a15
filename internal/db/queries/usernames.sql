-- name: usernames
-- For the shell's completion. Unlike LIKE, starts_with has no wildcards that would need an escape.
select username
from users
where starts_with(username::text, @prefix::text)
order by username collate "C"
limit @limit
