-- name: owners
-- Who owns one of the tables or their schema, and has fewer rights than the role: their code would run with its rights.
with roles as materialized (
    select oid, rolname as name, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
        rolname operator(pg_catalog.=) current_user or rolname operator(pg_catalog.=) session_user as me
    from pg_catalog.pg_roles
),
owners as (
    select pg_catalog.array_position(@tables::pg_catalog.name[], c.relname) as n, 'table' as what, c.relname as object, c.relowner as role
    from pg_catalog.pg_namespace s
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) s.oid
    where s.nspname operator(pg_catalog.=) @schema::pg_catalog.name and c.relname operator(pg_catalog.=) any(@tables::pg_catalog.name[])
    union all
    select 100, 'schema', s.nspname, case when r.rolname operator(pg_catalog.=) 'pg_database_owner' then d.datdba else s.nspowner end
    from pg_catalog.pg_namespace s
    join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) s.nspowner
    join pg_catalog.pg_database d on d.datname operator(pg_catalog.=) pg_catalog.current_database()
    where s.nspname operator(pg_catalog.=) @schema::pg_catalog.name
),
-- What makes a role's rights another's. Since PostgreSQL 16 a role can be a member and have none of them.
counts as (
    select case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 160000
        then 'usage, set, member with admin option' else 'member' end as privilege
)
select
    owners.what as risk,
    owners.object::pg_catalog.text as risk_object,
    '' as risk_table,
    coalesce(o.name::pg_catalog.text, '') as risk_role
from owners
left join roles o on o.oid operator(pg_catalog.=) owners.role
where o.rolsuper is not true and exists (
    select
    from roles r
    cross join counts
    where r.me and r.oid operator(pg_catalog.<>) owners.role and (
            r.rolsuper
            or r.rolcreaterole and o.rolcreaterole is not true
            or r.rolcreatedb and o.rolcreatedb is not true
            or r.rolreplication and o.rolreplication is not true
            or r.rolbypassrls and o.rolbypassrls is not true
        )
        or not r.me and pg_catalog.pg_has_role(session_user, r.oid, 'member')
            and not pg_catalog.pg_has_role(owners.role, r.oid, counts.privilege)
)
order by owners.n
limit 1
