-- name: hold_trial
-- The lock belongs to the session: the server releases it when the session ends.
select pg_catalog.pg_try_advisory_lock(@key::bigint)
