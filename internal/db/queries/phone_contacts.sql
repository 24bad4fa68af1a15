-- name: phone_contacts
-- All contact entries of the person behind a user (docs/facts/uzerp.md §1 and §10). Only a main number counts, mobile
-- before fixed, and only its text is read. Of each row on the way to a number it says when it was made or changed last,
-- and by whom; NULL if that is not known, or if it is no date that anybody could mean.
select
    pc.type = 'M' as mobile,
    counts.main,
    case when counts.main then coalesce(c.contact, '') else '' end as text,
    case when c.lastupdated between '1900-01-01' and '9999-12-31' and coalesce(c.created, c.lastupdated) <= '9999-12-31'
        then greatest(c.lastupdated, c.created) end as number_at,
    coalesce(nullif(c.alteredby, ''), case when c.created >= c.lastupdated then c.createdby end, '') as number_by,
    case when pc.lastupdated between '1900-01-01' and '9999-12-31' and coalesce(pc.created, pc.lastupdated) <= '9999-12-31'
        then greatest(pc.lastupdated, pc.created) end as entry_at,
    coalesce(nullif(pc.alteredby, ''), case when pc.created >= pc.lastupdated then pc.createdby end, '') as entry_by,
    case when p.lastupdated between '1900-01-01' and '9999-12-31' and coalesce(p.created, p.lastupdated) <= '9999-12-31'
        then greatest(p.lastupdated, p.created) end as person_at,
    coalesce(p.alteredby, '') as person_by
from users u
join person p on p.id = u.person_id
join party_contact_methods pc on pc.party_id = p.party_id
left join contact_methods c on c.id = pc.contactmethod_id
cross join lateral (select pc.main and pc.type in ('M', 'T') as main) counts
where u.username = any(@names::text[])
order by counts.main desc, mobile desc, pc.contactmethod_id, pc.id
