-- name: look_for_trial
-- The marks of switches on trial. Every role can hold such a lock, so only that of a role counts which could write the
-- injector classes itself, perhaps after SET ROLE. Since PostgreSQL 16 a role can be a member of another and have none of
-- its rights. What our role may not see of another session is left out.
select
    l.objid::bigint as key,
    l.objid::bigint operator(pg_catalog.<=) extract(epoch from pg_catalog.clock_timestamp()) as over,
    l.pid,
    coalesce(a.usename::pg_catalog.text, '') as role,
    coalesce(a.application_name, '') as application,
    coalesce(pg_catalog.host(a.client_addr), '') as address,
    '' as "table"
from pg_catalog.pg_locks l
join pg_catalog.pg_stat_activity a on a.pid operator(pg_catalog.=) l.pid
where l.locktype operator(pg_catalog.=) 'advisory'
    and l.granted
    and l.classid operator(pg_catalog.=) @class::bigint::pg_catalog.oid
    and l.objsubid operator(pg_catalog.=) 2
    and l.database operator(pg_catalog.=) (
        select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()
    )
    and exists (
        select
        from pg_catalog.pg_roles r
        join pg_catalog.pg_namespace n on n.nspname operator(pg_catalog.=) @schema::pg_catalog.text
        join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) n.oid and c.relname operator(pg_catalog.=) 'injector_classes'
        where pg_catalog.pg_has_role(a.usesysid, r.oid,
                case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 operator(pg_catalog.>=) 160000
                    then 'usage, set, member with admin option' else 'member' end)
            and pg_catalog.has_column_privilege(r.oid, c.oid, 'class_name', 'update')
    )
order by over, key desc
