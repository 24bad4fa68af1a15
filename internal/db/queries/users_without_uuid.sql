-- name: users_without_uuid
-- Without a uuid nobody can enrol (facts/uzerp.md section 3).
select username
from users
where uuid is null
order by username collate "C"
