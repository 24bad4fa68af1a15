-- name: lock_holders
-- The sessions that hold a lock on the tables which this program changes: a change of rows, or more. A reader's lock is
-- in nobody's way.
select
    l.pid,
    coalesce(a.usename::pg_catalog.text, '') as role,
    coalesce(a.application_name, '') as application,
    coalesce(pg_catalog.host(a.client_addr), '') as address,
    t.name as "table"
from pg_catalog.unnest(@tables::pg_catalog.text[]) with ordinality as t (name, n)
join pg_catalog.pg_namespace s on s.nspname operator(pg_catalog.=) @schema::pg_catalog.text
join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) s.oid and c.relname operator(pg_catalog.=) t.name
join pg_catalog.pg_locks l on l.relation operator(pg_catalog.=) c.oid
join pg_catalog.pg_stat_activity a on a.pid operator(pg_catalog.=) l.pid
where l.granted
    and l.mode operator(pg_catalog.<>) 'AccessShareLock'
    and l.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()
    and l.database operator(pg_catalog.=) (
        select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()
    )
group by l.pid, a.usename, a.application_name, a.client_addr, t.name, t.n
order by t.n, l.pid
