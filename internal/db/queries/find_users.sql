-- name: find_users
-- Names are compared exactly, as uzERP does.
-- with: users
where u.username = any(@names::text[])
