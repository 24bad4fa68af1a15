-- name: details
-- The person behind each user, and whether uzERP lets the user into any company (docs/facts/uzerp.md §1 and §3). It takes
-- the company from the last login, or from the person (docs/facts/uzerp.md §9). An end date before the year 1, or
-- -infinity, becomes the first day of year 1: it is in the past. One after the year 9999 becomes NULL: it never comes, and
-- JSON can't show it.
select
    u.username,
    coalesce(employer.name, visited.name, '') as company,
    exists (
        select
        from (select username, usercompanyid, enabled from UZERP.user_company_access) a
        join (select id, enabled from UZERP.system_companies) s on s.id operator(pg_catalog.=) a.usercompanyid
        where a.username operator(pg_catalog.=) u.username and a.enabled and s.enabled
    ) as company_access,
    u.lastcompanylogin is null and p.company_id is null as no_company,
    case when p.end_date operator(pg_catalog.<) '10000-01-01'::pg_catalog.date
        then greatest(p.end_date, '0001-01-01'::pg_catalog.date)
    end as end_date
from (select username, person_id, lastcompanylogin from UZERP.users) u
left join (select id, company_id, end_date from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
left join (select id, name from UZERP.company) employer on employer.id operator(pg_catalog.=) p.company_id
left join (select id, company_id from UZERP.system_companies) last on last.id operator(pg_catalog.=) u.lastcompanylogin
left join (select id, name from UZERP.company) visited on visited.id operator(pg_catalog.=) last.company_id
where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
