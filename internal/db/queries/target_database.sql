-- name: target_database
-- detach shows this before it asks whether the database is really the copy.
select
    pg_catalog.current_database()::pg_catalog.text as database,
    pg_catalog.count(username) as users,
    pg_catalog.count(username) filter (where mfa_enrolled) as enrolled
from UZERP.users
