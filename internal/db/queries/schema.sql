-- name: schema
-- Which schema has uzERP's tables, and who could make code run with our rights there. Every role may read the catalogue,
-- so this works without any right on uzERP's tables. It is the first schema in the session's own search_path that has the
-- needed tables, or else the first one that has users. A temporary table is nobody's users.
with found as (
    select n.oid, n.nspname as name, o.n,
        case when owner.rolname operator(pg_catalog.=) 'pg_database_owner' then d.datdba else n.nspowner end as schema_owner,
        pg_catalog.max(c.relowner) filter (where c.relname operator(pg_catalog.=) 'users') as owner,
        pg_catalog.count(c.oid) operator(pg_catalog.=) pg_catalog.array_length(@needed::pg_catalog.text[], 1) as complete
    from pg_catalog.unnest(pg_catalog.current_schemas(false)) with ordinality as o (name, n)
    join pg_catalog.pg_namespace n on n.nspname operator(pg_catalog.=) o.name
    join pg_catalog.pg_roles owner on owner.oid operator(pg_catalog.=) n.nspowner
    join pg_catalog.pg_database d on d.datname operator(pg_catalog.=) pg_catalog.current_database()
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) n.oid
        and c.relname operator(pg_catalog.=) any(@needed::pg_catalog.text[])
    where c.relpersistence operator(pg_catalog.<>) 't' and c.relkind operator(pg_catalog.=) any(array['r', 'p', 'v', 'm', 'f'])
    group by n.oid, n.nspname, o.n, owner.rolname, d.datdba, n.nspowner
),
chosen as (select oid, name, owner, schema_owner, n from found where owner is not null order by complete desc, n limit 1),
tables as (
    select t.name, t.n, c.oid, c.relkind, c.relowner as owner, c.relacl as acl,
        t.name operator(pg_catalog.=) any(@written::pg_catalog.text[]) as written
    from pg_catalog.unnest(@tables::pg_catalog.text[]) with ordinality as t (name, n)
    cross join chosen
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) chosen.oid and c.relname operator(pg_catalog.=) t.name
),
me as (
    select oid, rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
    from pg_catalog.pg_roles
    where rolname operator(pg_catalog.=) current_user or rolname operator(pg_catalog.=) session_user
),
member as (
    select r.oid
    from pg_catalog.pg_roles r
    where pg_catalog.pg_has_role(session_user, r.oid, 'member') and not exists (select from me where me.oid operator(pg_catalog.=) r.oid)
),
-- What runs by itself when a table is used: the functions of triggers, rules, checks, defaults, indexes and statistics.
attached as (
    select tables.name, 'pg_catalog.pg_trigger'::pg_catalog.regclass as class, g.oid
    from tables join pg_catalog.pg_trigger g on g.tgrelid operator(pg_catalog.=) tables.oid
    where tables.written and not g.tgisinternal and g.tgenabled operator(pg_catalog.<>) 'D'
    union all
    select tables.name, 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid
    from tables join pg_catalog.pg_rewrite r on r.ev_class operator(pg_catalog.=) tables.oid
    where tables.written
    union all
    select tables.name, 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
    from tables join pg_catalog.pg_constraint c on c.conrelid operator(pg_catalog.=) tables.oid
    union all
    select tables.name, 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid
    from tables join pg_catalog.pg_attrdef a on a.adrelid operator(pg_catalog.=) tables.oid
    union all
    select tables.name, 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
    from tables join pg_catalog.pg_index i on i.indrelid operator(pg_catalog.=) tables.oid
    union all
    select tables.name, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid
    from tables join pg_catalog.pg_statistic_ext s on s.stxrelid operator(pg_catalog.=) tables.oid
),
functions as (
    select distinct attached.name as on_table, p.oid::pg_catalog.regprocedure::pg_catalog.text as name, p.proowner as owner,
        l.lanname operator(pg_catalog.=) any(array['c', 'internal']) or exists (
            select from pg_catalog.unnest(p.proconfig) as s (setting) where pg_catalog.starts_with(s.setting, 'search_path=')
        ) as fixed
    from attached
    join pg_catalog.pg_depend d on d.classid operator(pg_catalog.=) attached.class and d.objid operator(pg_catalog.=) attached.oid
        and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
    join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) d.refobjid
    join pg_catalog.pg_language l on l.oid operator(pg_catalog.=) p.prolang
    where exists (select from me where rolsuper)
),
-- Who could make code run with our rights. What others than the owners may add counts for a superuser only: what an
-- owner lets them do works against the owner in uzERP itself.
others as (
    select n, 'table' as what, name as object, '' as on_table, owner as role from tables
    union all
    select 100, 'schema', name, '', schema_owner from chosen
    union all
    select 101, 'grant', '', tables.name, a.grantee
    from tables
    cross join lateral pg_catalog.aclexplode(tables.acl) a
    where a.privilege_type operator(pg_catalog.=) any(array['TRIGGER', 'REFERENCES']) and exists (select from me where rolsuper)
    union all
    select 101, 'grant', '', tables.name, a.grantee
    from tables
    join pg_catalog.pg_attribute c on c.attrelid operator(pg_catalog.=) tables.oid
    cross join lateral pg_catalog.aclexplode(c.attacl) a
    where a.privilege_type operator(pg_catalog.=) 'REFERENCES' and exists (select from me where rolsuper)
    union all
    select 102, 'function', name, on_table, owner from functions
),
-- What makes a role's rights another's. Since PostgreSQL 16 a role can be a member and have none of them.
counts as (
    select case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 160000
        then 'usage, set, member with admin option' else 'member' end as privilege
),
risk as (
    select others.n, others.what, others.object, others.on_table, coalesce(o.rolname::pg_catalog.text, '') as role
    from others
    left join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) others.role
    where o.rolsuper is not true and (
        exists (
            select
            from me
            where me.oid operator(pg_catalog.<>) others.role and (
                me.rolsuper
                or me.rolcreaterole and o.rolcreaterole is not true
                or me.rolcreatedb and o.rolcreatedb is not true
                or me.rolreplication and o.rolreplication is not true
                or me.rolbypassrls and o.rolbypassrls is not true
            )
        ) or exists (select from member cross join counts where not pg_catalog.pg_has_role(others.role, member.oid, counts.privilege))
    )
    union all
    select 103, 'search_path', name, on_table, '' from functions where not fixed
    order by n, on_table, object, role
    limit 1
)
select
    pg_catalog.current_database() as database,
    pg_catalog.current_setting('server_version') as server_version,
    pg_catalog.current_setting('server_encoding') as encoding,
    current_user::pg_catalog.text as role,
    pg_catalog.current_setting('transaction_read_only')::boolean as read_only,
    pg_catalog.pg_is_in_recovery() as standby,
    coalesce((select name::pg_catalog.text from chosen), '') as schema,
    array(
        select found.name::pg_catalog.text
        from found
        cross join chosen
        where chosen.name operator(pg_catalog.=) current_user and not exists (select from me where me.oid operator(pg_catalog.=) chosen.owner)
            and found.complete and found.n operator(pg_catalog.>) chosen.n and found.owner operator(pg_catalog.<>) chosen.owner
        order by found.n
    ) as rivals,
    array(
        select o.name::pg_catalog.text from pg_catalog.unnest(pg_catalog.current_schemas(false)) with ordinality as o (name, n) order by o.n
    ) as searched,
    array(
        select n.nspname::pg_catalog.text
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
        where c.relname operator(pg_catalog.=) 'users' and c.relkind operator(pg_catalog.=) any(array['r', 'p', 'v', 'm', 'f'])
            and c.relpersistence operator(pg_catalog.<>) 't'
            and not exists (select from chosen where chosen.oid operator(pg_catalog.=) n.oid)
        order by n.nspname
        limit 5
    ) as elsewhere,
    array(
        select t.name
        from pg_catalog.unnest(@needed::pg_catalog.text[]) with ordinality as t (name, n)
        where not exists (select from tables where tables.name operator(pg_catalog.=) t.name)
        order by t.n
    ) as missing_tables,
    array(
        select c.name
        from pg_catalog.unnest(@columns::pg_catalog.text[]) with ordinality as c (name, n)
        where not exists (
            select
            from pg_catalog.pg_attribute a
            join tables on tables.oid operator(pg_catalog.=) a.attrelid and tables.name operator(pg_catalog.=) 'users'
            where a.attname operator(pg_catalog.=) c.name and not a.attisdropped
        )
        order by c.n
    ) as missing_columns,
    array(
        select name from tables where not relkind operator(pg_catalog.=) any(array['r', 'p']) order by n
    ) as not_tables,
    array(select name from tables where pg_catalog.row_security_active(oid) order by n) as row_security,
    exists (select from tables where name operator(pg_catalog.=) 'audit_lines') as lines,
    coalesce(risk.what, '') as risk,
    coalesce(risk.object, '') as risk_object,
    coalesce(risk.on_table, '') as risk_table,
    coalesce(risk.role, '') as risk_role,
    pg_catalog.pg_backend_pid()::bigint as backend
from (select) one
left join risk on true
