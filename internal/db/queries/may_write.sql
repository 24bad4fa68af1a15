-- name: may_write
-- A rehearsal of compare_and_set, whatever the row is now. Its transaction is never committed.
update UZERP.users
set uuid = new_uuid, mfa_sid = new_sid, mfa_enrolled = new_enrolled, mfa_enabled = new_enabled
from (
-- with: row_changes
) changes
where username operator(pg_catalog.=) whose
