-- name: target_database
-- What detach shows before it asks whether this is really the copy.
select current_database()::text as database, count(username) as users, count(username) filter (where mfa_enrolled) as enrolled
from users
