-- name: login_access
-- Whether uzERP's table audit_lines is there, whether the role may read what login_lines needs of it, and whether it may read
-- the view of `grants` instead. The view counts only if it belongs to the owner of users or to a superuser: what a stranger's
-- view calls would run with the role's rights, and audit_lines may be the stranger's too. If there is one of a stranger's, it is named.
with named as materialized (
    select c.oid, c.relname as name, c.relowner as owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace s on s.oid operator(pg_catalog.=) c.relnamespace
    where s.nspname operator(pg_catalog.=) @schema::pg_catalog.name
        and c.relname operator(pg_catalog.=) any(array['users', 'audit_lines', 'uzerp_mfa_logins'])
),
lines as (select oid from named where name operator(pg_catalog.=) 'audit_lines'),
readable as (
    select pg_catalog.count(a.attnum) as n,
        pg_catalog.count(a.attnum) filter (where a.attname operator(pg_catalog.=) any(array['id', 'created'])) as numbers
    from lines
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) lines.oid and not a.attisdropped
        and a.attname operator(pg_catalog.=) any(array['id', 'created', 'username', 'remote_address', 'user_agent', 'line'])
        and pg_catalog.has_column_privilege(lines.oid, a.attnum, 'select')
),
view as (
    select oid, owner operator(pg_catalog.=) (select owner from named where name operator(pg_catalog.=) 'users')
        or exists (select from pg_catalog.pg_roles r where r.oid operator(pg_catalog.=) owner and r.rolsuper) as trusted
    from named
    where name operator(pg_catalog.=) 'uzerp_mfa_logins'
)
select
    exists (select from lines) as there,
    (select n from readable) operator(pg_catalog.=) 6 as readable,
    (select numbers from readable) operator(pg_catalog.=) 2
        and exists (select from view where trusted and pg_catalog.has_table_privilege(view.oid, 'select')) as view,
    exists (select from view where not trusted) as stranger
