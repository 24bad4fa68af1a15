-- name: lock_usernames
-- Everybody, held until the commit, always in the same order, against deadlocks.
select username
from users
order by username collate "C"
for update
