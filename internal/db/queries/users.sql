-- name: users
-- The part that find_users and the listings share. A last_login outside the years 1 to 9999, infinity included, is
-- nobody's login and nothing that Go or JSON could show: it reads as none instead of ending the whole listing.
select
    u.username,
    trim(concat_ws(' ', p.firstname, p.surname)) as person,
    u.email,
    u.access_enabled,
    case
        when u.last_login >= timestamp '0001-01-01' and u.last_login < timestamp '10000-01-01' then u.last_login
    end as last_login,
    u.uuid::text as uuid,
    u.mfa_sid,
    u.mfa_enrolled,
    u.mfa_enabled
from users u
left join person p on p.id = u.person_id
