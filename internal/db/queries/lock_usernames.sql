-- name: lock_usernames
-- Locks every user until the commit. The order is always the same, so that no two sessions wait for each other.
select username
from UZERP.users
order by username collate pg_catalog."C"
for update
