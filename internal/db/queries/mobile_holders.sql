-- name: mobile_holders
-- The main mobiles of all other users in which these digits stand, whatever is between them (docs/facts/uzerp.md §10).
select u.username, c.contact as text
from (select username, person_id from UZERP.users) u
join (select id, party_id from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
join (select party_id, contactmethod_id, type, main from UZERP.party_contact_methods) pc on pc.party_id operator(pg_catalog.=) p.party_id
join (select id, contact from UZERP.contact_methods) c on c.id operator(pg_catalog.=) pc.contactmethod_id
where u.username operator(pg_catalog.<>) @username::pg_catalog.text and pc.main and pc.type operator(pg_catalog.=) 'M'
    and pg_catalog.strpos(pg_catalog.regexp_replace(c.contact, '[^0-9]', '', 'g'), @digits::pg_catalog.text) operator(pg_catalog.>) 0
order by u.username, c.id
