-- name: find_users
-- Names are compared exactly, as uzERP compares them.
-- with: users
where u.username = any(@names::text[])
