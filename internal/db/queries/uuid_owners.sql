-- name: uuid_owners
-- Which users have an identity at Twilio. There may be several, because users.uuid has no unique constraint, or none.
-- uuids are compared as text, because an identity at Twilio need not be a uuid.
select uuid::pg_catalog.text as uuid, username
from UZERP.users
where uuid::pg_catalog.text operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by uuid, username collate pg_catalog."C"
