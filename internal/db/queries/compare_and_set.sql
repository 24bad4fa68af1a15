-- name: compare_and_set
-- A row changes only if all four columns are still what was read, NULL included.
update UZERP.users
set uuid = new_uuid, mfa_sid = new_sid, mfa_enrolled = new_enrolled, mfa_enabled = new_enabled
from (
-- with: row_changes
) changes
where username operator(pg_catalog.=) whose
    and (uuid operator(pg_catalog.=) was_uuid or uuid is null and was_uuid is null)
    and (mfa_sid operator(pg_catalog.=) was_sid or mfa_sid is null and was_sid is null)
    and (mfa_enrolled operator(pg_catalog.=) was_enrolled or mfa_enrolled is null and was_enrolled is null)
    and (mfa_enabled operator(pg_catalog.=) was_enabled or mfa_enabled is null and was_enabled is null)
