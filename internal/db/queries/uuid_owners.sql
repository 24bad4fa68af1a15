-- name: uuid_owners
-- Which users have an identity at Twilio. There may be several, because users.uuid has no unique constraint, or none.
-- An identity at Twilio need not be a uuid: then it is nobody's. As texts all uuids of the table would have to be made into texts first.
select uuid::pg_catalog.text as uuid, username
from UZERP.users
where uuid operator(pg_catalog.=) any(
    select case when given operator(pg_catalog.~) '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then given::pg_catalog.uuid end
    from pg_catalog.unnest(@names::pg_catalog.text[]) as n (given)
)
order by uuid, username collate pg_catalog."C"
