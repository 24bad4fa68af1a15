-- name: assign_uuids
-- Never over a uuid that somebody else has just assigned.
update users
set uuid = a.uuid::uuid
from unnest(@usernames::text[], @uuids::text[]) as a (username, uuid)
where users.username = a.username and users.uuid is null
