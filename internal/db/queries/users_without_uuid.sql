-- name: users_without_uuid
-- A user without a uuid can't enroll (docs/facts/uzerp.md §3).
-- with: users
where u.uuid is null
order by u.username collate pg_catalog."C"
