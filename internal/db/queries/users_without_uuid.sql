-- name: users_without_uuid
-- Without a uuid nobody can enrol (docs/facts/uzerp.md §3).
-- with: users
where u.uuid is null
order by u.username collate "C"
