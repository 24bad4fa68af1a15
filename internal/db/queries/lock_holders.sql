-- name: lock_holders
-- The sessions that hold a lock on the tables which this program changes: a change of rows, or more. A reader's lock is
-- in nobody's way.
select
    l.pid,
    coalesce(a.usename::text, '') as role,
    coalesce(a.application_name, '') as application,
    coalesce(host(a.client_addr), '') as address,
    t.name as "table"
from unnest(@tables::text[]) with ordinality as t (name, n)
join pg_locks l on l.relation = to_regclass(t.name)
join pg_stat_activity a on a.pid = l.pid
where l.granted
    and l.mode <> 'AccessShareLock'
    and l.pid <> pg_backend_pid()
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
group by l.pid, a.usename, a.application_name, a.client_addr, t.name, t.n
order by t.n, l.pid
