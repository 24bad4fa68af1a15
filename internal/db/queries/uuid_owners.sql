-- name: uuid_owners
-- Who has an identity at Twilio: nothing makes users.uuid unique, and an entity may be nobody's. Compared as text, because
-- an identity at Twilio need not be a uuid.
select uuid::text as uuid, username
from users
where uuid::text = any(@names::text[])
order by uuid, username collate "C"
