-- name: row_changes
-- The part that the queries about changes of users' rows share: whose row, as it was read, and as it is to be.
select
    whose,
    was_uuid::pg_catalog.uuid as was_uuid, was_sid, was_enrolled, was_enabled,
    new_uuid::pg_catalog.uuid as new_uuid, new_sid, new_enrolled, new_enabled
from rows from (
    pg_catalog.unnest(@usernames::pg_catalog.text[]),
    pg_catalog.unnest(@was_uuids::pg_catalog.text[]), pg_catalog.unnest(@was_sids::pg_catalog.text[]),
    pg_catalog.unnest(@was_enrolled::boolean[]), pg_catalog.unnest(@was_enabled::boolean[]),
    pg_catalog.unnest(@uuids::pg_catalog.text[]), pg_catalog.unnest(@sids::pg_catalog.text[]),
    pg_catalog.unnest(@enrolled::boolean[]), pg_catalog.unnest(@enabled::boolean[])
) as r (whose, was_uuid, was_sid, was_enrolled, was_enabled, new_uuid, new_sid, new_enrolled, new_enabled)
