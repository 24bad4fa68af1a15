-- name: shared_uuids
-- The uuids that several users have: how many, and the users of the one of which a name comes first.
with shared as (
    select uuid from UZERP.users group by uuid having pg_catalog.count(uuid) operator(pg_catalog.>) 1
)
select
    pg_catalog.count(u.uuid) over () as uuids,
    pg_catalog.count(u.username) as users,
    (pg_catalog.array_agg(u.username::pg_catalog.text order by u.username collate pg_catalog."C"))[1:3] as first
from (select username, uuid from UZERP.users) u
join (select uuid from shared) s on s.uuid operator(pg_catalog.=) u.uuid
group by u.uuid
order by pg_catalog.min(u.username::pg_catalog.text collate pg_catalog."C") collate pg_catalog."C"
limit 1
