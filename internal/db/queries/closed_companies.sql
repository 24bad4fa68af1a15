-- name: closed_companies
-- Whether the company that each user enters at the login is closed for everybody (docs/facts/uzerp.md §9): that of the
-- last login, or else the person's, or else every one that the user may enter. Null: there is no such company.
select u.username, coalesce(last.closed, own.closed, (
    select pg_catalog.bool_and(s.access_enabled operator(pg_catalog.=) 'NONE')
    from (select username, usercompanyid, enabled from UZERP.user_company_access) a
    join (select id, enabled, access_enabled from UZERP.system_companies) s on s.id operator(pg_catalog.=) a.usercompanyid
    where a.username operator(pg_catalog.=) u.username and a.enabled and s.enabled
)) as closed
from (select username, person_id, lastcompanylogin from UZERP.users) u
left join (select id, company_id from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
left join (select id, access_enabled operator(pg_catalog.=) 'NONE' as closed from UZERP.system_companies) last
    on last.id operator(pg_catalog.=) u.lastcompanylogin
left join (select company_id, access_enabled operator(pg_catalog.=) 'NONE' as closed from UZERP.system_companies) own
    on own.company_id operator(pg_catalog.=) p.company_id
where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
