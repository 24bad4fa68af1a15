-- name: place
-- What detach shows before it asks whether this is really the copy.
select current_database()::text as database, count(*) as users, count(*) filter (where mfa_enrolled) as enrolled
from users
