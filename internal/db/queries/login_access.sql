-- name: login_access
-- Whether uzERP's table audit_lines is there, whether the role may read what login_lines needs of it, and whether it may read
-- the view of `grants` instead. The view counts only if it belongs to the table's owner or to a superuser: what a stranger's
-- view calls would run with the role's rights. If there is one of a stranger's, it is named.
with lines as (
    select c.oid, c.relowner as owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    where n.nspname operator(pg_catalog.=) @schema::pg_catalog.text and c.relname operator(pg_catalog.=) 'audit_lines'
),
readable as (
    select pg_catalog.count(a.attnum) as n,
        pg_catalog.count(a.attnum) filter (where a.attname operator(pg_catalog.=) any(array['id', 'created'])) as numbers
    from lines
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) lines.oid and not a.attisdropped
        and a.attname operator(pg_catalog.=) any(array['id', 'created', 'username', 'remote_address', 'user_agent', 'line'])
        and pg_catalog.has_column_privilege(lines.oid, a.attnum, 'select')
),
view as (
    select c.oid, owner.rolsuper or c.relowner operator(pg_catalog.=) lines.owner as trusted
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    join pg_catalog.pg_roles owner on owner.oid operator(pg_catalog.=) c.relowner
    cross join lines
    where n.nspname operator(pg_catalog.=) @schema::pg_catalog.text and c.relname operator(pg_catalog.=) 'uzerp_mfa_logins'
)
select
    exists (select from lines) as there,
    (select n from readable) operator(pg_catalog.=) 6 as readable,
    (select numbers from readable) operator(pg_catalog.=) 2
        and exists (select from view where trusted and pg_catalog.has_table_privilege(view.oid, 'select')) as view,
    exists (select from view where not trusted) as stranger
