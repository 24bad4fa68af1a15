-- name: hold_trial
-- The second key of the lock is the end of the trial, in seconds since 1970, so that every session sees when it is
-- over. The lock belongs to the transaction, which the server ends if it is idle for too long (limit_trial).
with mark as (
    select pg_catalog.ceil(extract(epoch from pg_catalog.clock_timestamp()) operator(pg_catalog.+) @seconds::double precision)::bigint
        operator(pg_catalog.+) @later::bigint as until
)
select
    until as key,
    pg_catalog.pg_try_advisory_xact_lock(
        @class::integer,
        (case when until operator(pg_catalog.>) 2147483647 then until operator(pg_catalog.-) 4294967296 else until end)::integer
    ) as locked
from mark
