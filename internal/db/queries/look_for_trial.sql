-- name: look_for_trial
-- The marks of switches on trial. Every role can hold such a lock, so only that of a role counts which could write the
-- injector classes itself, perhaps after SET ROLE. What our role may not see of another session is left out.
select
    l.objid::bigint as key,
    l.objid::bigint <= extract(epoch from clock_timestamp()) as over,
    l.pid,
    coalesce(a.usename::text, '') as role,
    coalesce(a.application_name, '') as application,
    coalesce(host(a.client_addr), '') as address,
    '' as "table"
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory'
    and l.granted
    and l.classid = @class::bigint::oid
    and l.objsubid = 2
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
    and exists (
        select
        from pg_roles r
        where pg_has_role(a.usesysid, r.oid, 'member')
            and has_column_privilege(r.oid, to_regclass('injector_classes'), 'class_name', 'update')
    )
order by over, key desc
