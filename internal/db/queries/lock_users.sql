-- name: lock_users
-- Locks these users until the commit. The order is always the same, so that no two sessions wait for each other.
select username
from UZERP.users
where username operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by username collate pg_catalog."C"
for update
