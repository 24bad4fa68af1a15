-- name: rows_not_kept
-- After a change, in the same transaction: the users whose rows are not as they are to be. A trigger or rule can keep a
-- change out, or change what was written. What a trigger does after the statement is not in its RETURNING, so it is read.
-- It is materialized, because the limit would have the planner compare each user with each, in the hope of an early end.
with off as materialized (
    select whose, username is null as gone, unchanged, uuid_kept, sid_kept, enrolled_kept, enabled_kept
    from (
-- with: row_changes
    ) changes
    left join (select username, uuid, mfa_sid, mfa_enrolled, mfa_enabled from UZERP.users) u on username operator(pg_catalog.=) whose
    cross join lateral (
        select
            coalesce(uuid operator(pg_catalog.=) new_uuid or uuid is null and new_uuid is null, false) as uuid_kept,
            coalesce(mfa_sid operator(pg_catalog.=) new_sid or mfa_sid is null and new_sid is null, false) as sid_kept,
            coalesce(mfa_enrolled operator(pg_catalog.=) new_enrolled or mfa_enrolled is null and new_enrolled is null, false) as enrolled_kept,
            coalesce(mfa_enabled operator(pg_catalog.=) new_enabled or mfa_enabled is null and new_enabled is null, false) as enabled_kept,
            coalesce((uuid operator(pg_catalog.=) was_uuid or uuid is null and was_uuid is null)
                and (mfa_sid operator(pg_catalog.=) was_sid or mfa_sid is null and was_sid is null)
                and (mfa_enrolled operator(pg_catalog.=) was_enrolled or mfa_enrolled is null and was_enrolled is null)
                and (mfa_enabled operator(pg_catalog.=) was_enabled or mfa_enabled is null and was_enabled is null), false) as unchanged
    ) found
    where username is null or not (uuid_kept and sid_kept and enrolled_kept and enabled_kept)
)
select whose as username, gone, unchanged, uuid_kept, sid_kept, enrolled_kept, enabled_kept
from off
order by whose collate pg_catalog."C"
limit 3
