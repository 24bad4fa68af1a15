-- name: relations
-- What the schemas of the session's search_path have under these names. Every role may read the catalogue, so this works without any right
-- on uzERP's tables.
select
    s.nspname::pg_catalog.text as schema,
    c.relname::pg_catalog.text as name,
    c.relkind::pg_catalog.text as kind,
    c.relpersistence::pg_catalog.text as persistence,
    pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text as owner,
    pg_catalog.row_security_active(c.oid) as hidden
from pg_catalog.pg_namespace s
join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) s.oid
where s.nspname operator(pg_catalog.=) any(pg_catalog.current_schemas(false)) and c.relname operator(pg_catalog.=) any(@names::pg_catalog.name[])
