<<<<<<< HEAD:internal/db/queries/target_database.sql
-- name: target_database
-- What detach shows before it asks whether this is really the copy.
=======
-- name: place
-- detach shows this before it asks whether the database is really the copy.
>>>>>>> main:internal/db/queries/place.sql
select current_database()::text as database, count(username) as users, count(username) filter (where mfa_enrolled) as enrolled
from users
