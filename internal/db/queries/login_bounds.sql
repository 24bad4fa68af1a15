-- name: login_bounds
-- Of the @rows newest lines with a number of at most @upto: how many there are, their smallest number, and the newest and the
-- oldest time. Times that nobody could mean are left out.
select
    pg_catalog.count(l.id) as n,
    coalesce(pg_catalog.min(l.id), 0)::pg_catalog.int8 as lowest,
    pg_catalog.max(l.created) filter (where l.created operator(pg_catalog.>=) '1900-01-01' and l.created operator(pg_catalog.<=) '9999-12-31') as newest,
    pg_catalog.min(l.created) filter (where l.created operator(pg_catalog.>=) '1900-01-01' and l.created operator(pg_catalog.<=) '9999-12-31') as oldest
from (
    select a.id, a.created
    from (select id, created from UZERP.audit_lines) a
    where a.id operator(pg_catalog.<=) @upto::pg_catalog.int8
    order by a.id desc
    limit @rows::pg_catalog.int8
) l
