-- name: added_code
-- Who could make code run with the rights of a superuser, beside the owners of the tables and of their schema: by a trigger or a foreign
-- key, or by the functions that run by themselves when a table is used. It counts for a superuser only: what an owner lets others do works
-- against the owner in uzERP itself.
with tables as (
    select c.oid, c.relname as name, c.relacl as acl, c.relname operator(pg_catalog.=) any(@written::pg_catalog.name[]) as written
    from pg_catalog.pg_namespace s
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) s.oid
    where s.nspname operator(pg_catalog.=) @schema::pg_catalog.name and c.relname operator(pg_catalog.=) any(@tables::pg_catalog.name[])
),
-- The triggers, rules, checks, defaults, indexes and statistics.
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
),
others as (
    select 1 as n, 'grant' as what, '' as object, tables.name as on_table, a.grantee as role
    from tables
    cross join lateral pg_catalog.aclexplode(tables.acl) a
    where a.privilege_type operator(pg_catalog.=) any(array['TRIGGER', 'REFERENCES'])
    union all
    select 1, 'grant', '', tables.name, a.grantee
    from tables
    join pg_catalog.pg_attribute c on c.attrelid operator(pg_catalog.=) tables.oid
    cross join lateral pg_catalog.aclexplode(c.attacl) a
    where a.privilege_type operator(pg_catalog.=) 'REFERENCES'
    union all
    select 2, 'function', name, on_table, owner from functions
)
select
    what as risk,
    object as risk_object,
    on_table::pg_catalog.text as risk_table,
    role as risk_role
from (
    select others.n, others.what, others.object, others.on_table, coalesce(o.rolname::pg_catalog.text, '') as role
    from others
    left join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) others.role
    where o.rolsuper is not true
    union all
    select 3, 'search_path', name, on_table, '' from functions where not fixed
) risk
order by n, on_table, object, role
limit 1
