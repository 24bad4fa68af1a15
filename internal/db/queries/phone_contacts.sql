-- name: phone_contacts
-- The numbers that uzERP shows as a person's own: the main ones, mobile before fixed (docs/facts/uzerp.md §1).
select pc.type = 'M' as mobile, c.contact as text
from users u
join person p on p.id = u.person_id
join party_contact_methods pc on pc.party_id = p.party_id
join contact_methods c on c.id = pc.contactmethod_id
where u.username = any(@names::text[]) and pc.main and pc.type in ('M', 'T') and c.contact <> ''
order by mobile desc, c.id
