-- name: target_database
-- detach shows this before it asks whether the database is really the copy.
select current_database()::text as database, count(username) as users, count(username) filter (where mfa_enrolled) as enrolled
from users
