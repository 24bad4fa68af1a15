-- name: detach
-- A new uuid is a new entity at Twilio. So the copy can't touch the factors of the live system.
update UZERP.users
set uuid = becomes::pg_catalog.uuid, mfa_sid = null, mfa_enrolled = false, mfa_enabled = false
from rows from (pg_catalog.unnest(@usernames::pg_catalog.text[]), pg_catalog.unnest(@uuids::pg_catalog.text[])) as a (whose, becomes)
where username operator(pg_catalog.=) whose
