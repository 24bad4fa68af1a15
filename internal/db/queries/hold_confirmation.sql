-- name: hold_confirmation
-- Says that the switch on trial with this key stays. Every role can hold such a lock; look_for_trial says whose counts.
select pg_catalog.pg_try_advisory_xact_lock(
    @class::integer,
    (case when @key::bigint operator(pg_catalog.>) 2147483647 then @key::bigint operator(pg_catalog.-) 4294967296 else @key::bigint end)::integer
)
