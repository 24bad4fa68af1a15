-- name: users
-- The part that find_users and the listings share. A last_login outside the years 1 to 9999, or infinity, can't be a
-- login, and JSON can't show it. It is read as NULL, so that it doesn't end the whole listing with an error.
-- A list of all users is sorted: what is not as narrow as in the table, or stands in it twice, the server would sort too. So
-- the name has the collation that it is sorted by, and userReader makes the person's name of its two parts.
select
    u.username collate pg_catalog."C" as username,
    p.firstname,
    p.surname,
    u.email,
    u.access_enabled,
    case
        when u.last_login operator(pg_catalog.>=) timestamp '0001-01-01' and u.last_login operator(pg_catalog.<) timestamp '10000-01-01'
        then u.last_login
    end as last_login,
    u.uuid,
    u.mfa_sid,
    u.mfa_enrolled,
    u.mfa_enabled
from (
    select username, person_id, email, access_enabled, last_login, uuid, mfa_sid, mfa_enrolled, mfa_enabled from UZERP.users
) u
left join (select id, firstname, surname from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
