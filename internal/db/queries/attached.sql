-- name: attached
-- The triggers and rules that run when a table is changed.
select kind, name
from (
    select 'trigger' as kind, g.tgname::pg_catalog.text as name, g.tgrelid as relation
    from pg_catalog.pg_trigger g
    where not g.tgisinternal and g.tgenabled operator(pg_catalog.<>) 'D'
    union all
    select 'rule', r.rulename::pg_catalog.text, r.ev_class
    from pg_catalog.pg_rewrite r
    where r.ev_type operator(pg_catalog.<>) '1'
) a
join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) a.relation and c.relname operator(pg_catalog.=) @table::pg_catalog.text
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace and n.nspname operator(pg_catalog.=) @schema::pg_catalog.text
order by kind, name
