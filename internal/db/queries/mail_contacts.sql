-- name: mail_contacts
-- Every e-mail address that uzERP has for a user: that of the login, and the person's main ones (docs/facts/uzerp.md §1).
select a.contact
from (
    select 0 as place, 0::bigint as entry, login.email::pg_catalog.text as contact
    from (select username, email from UZERP.users) login
    where login.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
    union all
    select 1 as place, pc.contactmethod_id::bigint as entry, c.contact::pg_catalog.text as contact
    from (select username, person_id from UZERP.users) u
    join (select id, party_id from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
    join (select party_id, contactmethod_id, type, main from UZERP.party_contact_methods) pc
        on pc.party_id operator(pg_catalog.=) p.party_id
    join (select id, contact from UZERP.contact_methods) c on c.id operator(pg_catalog.=) pc.contactmethod_id
    where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
        and pc.type operator(pg_catalog.=) 'E' and pc.main
) a
where a.contact is not null
order by a.place, a.entry
