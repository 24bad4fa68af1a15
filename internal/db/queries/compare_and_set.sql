-- name: compare_and_set
-- The row changes only if all four columns are still what was read, NULL included.
update UZERP.users
set uuid = @uuid::pg_catalog.uuid,
    mfa_sid = @sid::pg_catalog.text,
    mfa_enrolled = @enrolled::boolean,
    mfa_enabled = @enabled::boolean
where username operator(pg_catalog.=) @username::pg_catalog.text
    and (uuid operator(pg_catalog.=) @was_uuid::pg_catalog.uuid or uuid is null and @was_uuid::pg_catalog.uuid is null)
    and (mfa_sid operator(pg_catalog.=) @was_sid::pg_catalog.text or mfa_sid is null and @was_sid::pg_catalog.text is null)
    and (mfa_enrolled operator(pg_catalog.=) @was_enrolled::boolean or mfa_enrolled is null and @was_enrolled::boolean is null)
    and (mfa_enabled operator(pg_catalog.=) @was_enabled::boolean or mfa_enabled is null and @was_enabled::boolean is null)
