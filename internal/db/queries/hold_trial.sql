-- name: hold_trial
-- The second key of the lock is the end of the trial, in seconds since 1970, so that every session sees when it is
-- over. The lock belongs to the transaction, which the server ends if it is idle for too long (limit_trial).
with mark as (
    select ceil(extract(epoch from clock_timestamp()) + @seconds::double precision)::bigint + @later::bigint as until
)
select
    until as key,
    pg_try_advisory_xact_lock(
        @class::integer,
        (case when until > 2147483647 then until - 4294967296 else until end)::integer
    ) as locked
from mark
