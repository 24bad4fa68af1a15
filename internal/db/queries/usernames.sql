-- name: usernames
-- For the shell's completion. starts_with has no wildcards to escape, other than LIKE.
select username
from users
where starts_with(username::text, @prefix::text)
order by username collate "C"
limit @limit
