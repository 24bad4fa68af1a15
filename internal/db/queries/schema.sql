-- name: schema
-- Which schema has uzERP's tables: the first one in the session's own search_path, as for uzERP. Every role may read the
-- catalogue, so this works without any right on uzERP's tables. A temporary table is nobody's users.
with found as (
    select n.oid, n.nspname as name, c.relowner as owner, o.n
    from pg_catalog.unnest(pg_catalog.current_schemas(false)) with ordinality as o (name, n)
    join pg_catalog.pg_namespace n on n.nspname operator(pg_catalog.=) o.name
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) n.oid and c.relname operator(pg_catalog.=) 'users'
    where c.relpersistence operator(pg_catalog.<>) 't' and c.relkind operator(pg_catalog.=) any(array['r', 'p', 'v', 'm', 'f'])
),
chosen as (select oid, name, owner from found order by n limit 1),
tables as (
    select t.name, t.n, c.oid, c.relkind
    from pg_catalog.unnest(@tables::pg_catalog.text[]) with ordinality as t (name, n)
    cross join chosen
    join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) chosen.oid and c.relname operator(pg_catalog.=) t.name
)
select
    pg_catalog.current_database() as database,
    pg_catalog.current_setting('server_version') as server_version,
    current_user::pg_catalog.text as role,
    pg_catalog.current_setting('transaction_read_only')::boolean as read_only,
    pg_catalog.pg_is_in_recovery() as standby,
    coalesce((select name::pg_catalog.text from chosen), '') as schema,
    array(
        select found.name::pg_catalog.text from found cross join chosen
        where found.owner operator(pg_catalog.<>) chosen.owner order by found.n
    ) as rivals,
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
    exists (
        select
        from pg_catalog.pg_roles r
        cross join chosen
        where (r.rolname operator(pg_catalog.=) current_user or r.rolname operator(pg_catalog.=) session_user)
            and (r.rolsuper or r.oid operator(pg_catalog.<>) chosen.owner and (r.rolcreaterole or r.rolcreatedb or r.rolreplication))
    ) or exists (
        select
        from pg_catalog.pg_roles r
        cross join chosen
        where pg_catalog.pg_has_role(session_user, r.oid, 'member')
            and r.rolname operator(pg_catalog.<>) session_user and r.rolname operator(pg_catalog.<>) current_user
            and not pg_catalog.pg_has_role(chosen.owner, r.oid, 'member')
    ) as privileged,
    coalesce((select pg_catalog.pg_has_role(current_user, owner, 'usage') from chosen), false) as may_lock
