-- name: hold_trial
-- For the session: until it ends.
select pg_try_advisory_lock(@key::bigint)
