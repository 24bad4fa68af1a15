-- name: not_detached
-- After detach, in the same transaction: the users who are not detached. A trigger or rule can keep a change out. It is
-- materialized, because the limit would have the planner compare each user with each, in the hope of an early end.
with off as materialized (
    select username
    from (select username, uuid, mfa_sid, mfa_enrolled, mfa_enabled from UZERP.users) u
    join rows from (pg_catalog.unnest(@usernames::pg_catalog.text[]), pg_catalog.unnest(@uuids::pg_catalog.text[])) as a (whose, becomes)
        on username operator(pg_catalog.=) whose
    where not coalesce(
        uuid operator(pg_catalog.=) becomes::pg_catalog.uuid and mfa_sid is null
        and mfa_enrolled operator(pg_catalog.=) false and mfa_enabled operator(pg_catalog.=) false, false)
)
select username from off order by username collate pg_catalog."C" limit 3
