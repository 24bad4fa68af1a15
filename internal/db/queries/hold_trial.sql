-- name: hold_trial
-- The second key of the lock is the end of the trial, in seconds since 1970, so that every session sees when it is
-- over. Every role can hold such locks: the first key is taken that nobody holds. If n keys are held, one of n + 1 is free.
-- The lock belongs to the transaction, which the server ends if it is idle for too long (limit_trial).
with ending as (
    select pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.+) @seconds::double precision)::bigint as second
),
held as (
    select distinct l.objid::bigint as key
    from pg_catalog.pg_locks l
    where l.locktype operator(pg_catalog.=) 'advisory' and l.classid operator(pg_catalog.=) @class::bigint::pg_catalog.oid
        and l.objsubid operator(pg_catalog.=) 2
),
mark as (
    select ending.second operator(pg_catalog.+) later.seconds as until
    from ending
    cross join pg_catalog.generate_series(0, (select pg_catalog.count(key) from held)) as later (seconds)
    where not exists (select from held where held.key operator(pg_catalog.=) (ending.second operator(pg_catalog.+) later.seconds))
    order by until
    limit 1
)
select
    until as key,
    pg_catalog.pg_try_advisory_xact_lock(
        @class::integer,
        (case when until operator(pg_catalog.>) 2147483647 then until operator(pg_catalog.-) 4294967296 else until end)::integer
    ) as locked
from mark
