-- name: uuid_owners
-- Which users have an identity at Twilio. There may be several, because users.uuid has no unique constraint, or none.
-- uuids are compared as text, because an identity at Twilio need not be a uuid.
select uuid::text as uuid, username
from users
where uuid::text = any(@names::text[])
order by uuid, username collate "C"
