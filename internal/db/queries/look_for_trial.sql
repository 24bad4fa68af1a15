-- name: look_for_trial
-- For this statement only: whether anybody holds it.
select pg_try_advisory_xact_lock(@key::bigint)
