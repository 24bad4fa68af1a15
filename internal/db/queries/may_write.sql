-- name: may_write
-- Changes no row. PostgreSQL refuses it, for want of a right or on a standby, as it would refuse compare_and_set.
update UZERP.users
set uuid = uuid,
    mfa_sid = mfa_sid,
    mfa_enrolled = mfa_enrolled,
    mfa_enabled = mfa_enabled
where false
