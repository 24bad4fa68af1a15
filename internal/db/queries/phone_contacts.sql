-- name: phone_contacts
-- The numbers that uzERP shows as a person's own: the main ones, mobile before fixed (docs/facts/uzerp.md §1).
select pc.type operator(pg_catalog.=) 'M' as mobile, c.contact as text
from (select username, person_id from UZERP.users) u
join (select id, party_id from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
join (select party_id, contactmethod_id, type, main from UZERP.party_contact_methods) pc on pc.party_id operator(pg_catalog.=) p.party_id
join (select id, contact from UZERP.contact_methods) c on c.id operator(pg_catalog.=) pc.contactmethod_id
where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[]) and pc.main
    and pc.type operator(pg_catalog.=) any(array['M', 'T']) and c.contact operator(pg_catalog.<>) ''
order by mobile desc, c.id
