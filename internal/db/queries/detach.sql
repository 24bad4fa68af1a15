-- name: detach
-- A new uuid is a new entity at Twilio. So the copy can't touch the factors of the live system.
update users
set uuid = a.uuid::uuid, mfa_sid = null, mfa_enrolled = false, mfa_enabled = false
from unnest(@usernames::text[], @uuids::text[]) as a (username, uuid)
where users.username = a.username
