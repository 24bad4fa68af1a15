-- name: lock_users
-- Locks these users until the commit. The order is always the same, so that no two sessions wait for each other.
-- It is the lock that an update takes: a row of another table that refers to a user does not wait for it, nor does it wait for that.
select username
from UZERP.users
where username operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by username collate pg_catalog."C"
for no key update
