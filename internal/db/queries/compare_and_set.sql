-- name: compare_and_set
-- The row changes only if all four columns are still what was read, NULL included.
update users
set uuid = @uuid::uuid,
    mfa_sid = @sid::text,
    mfa_enrolled = @enrolled::boolean,
    mfa_enabled = @enabled::boolean
where username = @username::text
    and uuid is not distinct from @was_uuid::uuid
    and mfa_sid is not distinct from @was_sid::text
    and mfa_enrolled is not distinct from @was_enrolled::boolean
    and mfa_enabled is not distinct from @was_enabled::boolean
