-- name: persons_in_question
-- What details and closed_companies say of each user, of all who may be a finding of doctor's. It is made of joins, because a
-- look for each user would take too long for all of them.
with companies as (
    select s.id, s.company_id, s.enabled, c.closed
    from (select id, company_id, enabled from UZERP.system_companies) s
    left join rows from (pg_catalog.unnest(@companies::bigint[]), pg_catalog.unnest(@closed::boolean[])) as c (id, closed)
        on c.id operator(pg_catalog.=) s.id
),
access as (
    select a.username, pg_catalog.bool_and(s.closed) as closed
    from (select username, usercompanyid, enabled from UZERP.user_company_access) a
    join companies s on s.id operator(pg_catalog.=) a.usercompanyid
    where a.enabled and s.enabled
    group by a.username
),
persons as (
    select
        u.username,
        coalesce(u.mfa_enrolled, false) as enrolled,
        coalesce(u.access_enabled, false) as access,
        may.username is not null as company_access,
        u.lastcompanylogin is null and p.company_id is null as no_company,
        coalesce(last.closed, own.closed, may.closed) as closed,
        case when p.end_date operator(pg_catalog.<) '10000-01-01'::pg_catalog.date
            then greatest(p.end_date, '0001-01-01'::pg_catalog.date)
        end as end_date
    from (select username, person_id, lastcompanylogin, mfa_enrolled, access_enabled from UZERP.users) u
    left join (select id, company_id, end_date from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
    left join (select username, closed from access) may on may.username operator(pg_catalog.=) u.username
    left join (select id, closed from companies) last on last.id operator(pg_catalog.=) u.lastcompanylogin
    left join (select company_id, closed from companies) own on own.company_id operator(pg_catalog.=) p.company_id
)
select username, enrolled, access, company_access, no_company, closed, end_date
from persons
where enrolled and end_date is not null or access and (not company_access or no_company or closed is not false)
