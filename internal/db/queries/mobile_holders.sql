-- name: mobile_holders
-- The main mobiles of all other users in which these digits stand, whatever is between them (docs/facts/uzerp.md §10).
select u.username, c.contact as text
from users u
join person p on p.id = u.person_id
join party_contact_methods pc on pc.party_id = p.party_id
join contact_methods c on c.id = pc.contactmethod_id
where u.username <> @username::text and pc.main and pc.type = 'M'
    and strpos(regexp_replace(c.contact, '[^0-9]', '', 'g'), @digits::text) > 0
order by u.username, c.id
