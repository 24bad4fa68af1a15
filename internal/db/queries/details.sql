-- name: details
-- The person behind each user, and whether uzERP lets the user into any company (docs/facts/uzerp.md §1 and §3). An end
-- date before the year 1, or -infinity, becomes the first day of year 1: it is in the past. One after the year 9999
-- becomes NULL: it never comes, and JSON can't show it.
select
    u.username,
    coalesce(employer.name, visited.name, '') as company,
    exists (
        select
        from user_company_access a
        join system_companies s on s.id = a.usercompanyid
        where a.username = u.username and a.enabled and s.enabled
    ) as company_access,
    case when p.end_date < date '10000-01-01' then greatest(p.end_date, date '0001-01-01') end as end_date
from users u
left join person p on p.id = u.person_id
left join company employer on employer.id = p.company_id
left join system_companies last on last.id = u.lastcompanylogin
left join company visited on visited.id = last.company_id
where u.username = any(@names::text[])
