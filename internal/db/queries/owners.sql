-- name: owners
-- What relations says, and who owns each table and its schema, in one look: between two of them an owner could put other tables in the
-- place of these. An owner who has fewer rights than the role is weaker: their code would run with its rights.
with roles as materialized (
    select oid, rolname as name, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
        rolname operator(pg_catalog.=) current_user or rolname operator(pg_catalog.=) session_user as me
    from pg_catalog.pg_roles
),
-- What makes a role's rights another's. Since PostgreSQL 16 a role can be a member and have none of them.
counts as (
    select case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 160000
        then 'usage, set, member with admin option' else 'member' end as privilege
)
select
    s.nspname::pg_catalog.text as schema,
    c.relname::pg_catalog.text as name,
    c.relkind::pg_catalog.text as kind,
    c.relpersistence::pg_catalog.text as persistence,
    pg_catalog.row_security_active(c.oid) as hidden,
    owners.of_schema,
    pg_catalog.pg_get_userbyid(owners.role)::pg_catalog.text as owner,
    o.rolsuper is not true and exists (
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
    ) as weaker
from pg_catalog.pg_namespace s
join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) s.oid
join pg_catalog.pg_database d on d.datname operator(pg_catalog.=) pg_catalog.current_database()
cross join lateral (
    select false as of_schema, c.relowner as role
    union all
    select true, case when pg_catalog.pg_get_userbyid(s.nspowner) operator(pg_catalog.=) 'pg_database_owner' then d.datdba else s.nspowner end
) owners
left join roles o on o.oid operator(pg_catalog.=) owners.role
where s.nspname operator(pg_catalog.=) any(pg_catalog.current_schemas(false)) and c.relname operator(pg_catalog.=) any(@names::pg_catalog.name[])
