-- name: elsewhere
-- The schemas that have a table users, and which of these columns it has.
select
    s.nspname::pg_catalog.text as schema,
    array(
        select a.attname::pg_catalog.text
        from pg_catalog.pg_attribute a
        where a.attrelid operator(pg_catalog.=) c.oid and not a.attisdropped and a.attname operator(pg_catalog.=) any(@columns::pg_catalog.name[])
    ) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace s on s.oid operator(pg_catalog.=) c.relnamespace
where c.relname operator(pg_catalog.=) 'users' and c.relkind operator(pg_catalog.=) any(array['r', 'p', 'v', 'm', 'f'])
    and c.relpersistence operator(pg_catalog.<>) 't'
order by s.nspname
