-- name: look_for_trial
-- Whether the lock is free. If it is, this holds it only until the statement ends.
select pg_catalog.pg_try_advisory_xact_lock(@key::bigint)
