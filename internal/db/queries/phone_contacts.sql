-- name: phone_contacts
-- All contact entries of the person behind a user (docs/facts/uzerp.md §1 and §10). Only a main number counts, mobile
-- before fixed, and only its text is read. Of each row on the way to a number it says when it was made or changed last,
-- and by whom; NULL if that is not known, or if it is no date that anybody could mean.
select
    pc.type operator(pg_catalog.=) 'M' as mobile,
    counts.main,
    case when counts.main then coalesce(c.contact, '') else '' end as text,
    case when c.lastupdated operator(pg_catalog.>=) '1900-01-01' and c.lastupdated operator(pg_catalog.<=) '9999-12-31'
            and coalesce(c.created, c.lastupdated) operator(pg_catalog.<=) '9999-12-31'
        then greatest(c.lastupdated, c.created) end as number_at,
    coalesce(case when c.alteredby operator(pg_catalog.<>) '' then c.alteredby end,
        case when c.created operator(pg_catalog.>=) c.lastupdated then c.createdby end, '') as number_by,
    case when pc.lastupdated operator(pg_catalog.>=) '1900-01-01' and pc.lastupdated operator(pg_catalog.<=) '9999-12-31'
            and coalesce(pc.created, pc.lastupdated) operator(pg_catalog.<=) '9999-12-31'
        then greatest(pc.lastupdated, pc.created) end as entry_at,
    coalesce(case when pc.alteredby operator(pg_catalog.<>) '' then pc.alteredby end,
        case when pc.created operator(pg_catalog.>=) pc.lastupdated then pc.createdby end, '') as entry_by,
    case when p.lastupdated operator(pg_catalog.>=) '1900-01-01' and p.lastupdated operator(pg_catalog.<=) '9999-12-31'
            and coalesce(p.created, p.lastupdated) operator(pg_catalog.<=) '9999-12-31'
        then greatest(p.lastupdated, p.created) end as person_at,
    coalesce(p.alteredby, '') as person_by
from (select username, person_id from UZERP.users) u
join (select id, party_id, created, lastupdated, alteredby from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
join (
    select id, party_id, contactmethod_id, type, main, created, createdby, lastupdated, alteredby from UZERP.party_contact_methods
) pc on pc.party_id operator(pg_catalog.=) p.party_id
left join (select id, contact, created, createdby, lastupdated, alteredby from UZERP.contact_methods) c
    on c.id operator(pg_catalog.=) pc.contactmethod_id
cross join lateral (select pc.main and pc.type operator(pg_catalog.=) any(array['M', 'T']) as main) counts
where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by counts.main desc, mobile desc, pc.contactmethod_id, pc.id
