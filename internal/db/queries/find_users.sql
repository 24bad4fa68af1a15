-- name: find_users
-- Names are compared exactly, as uzERP compares them.
-- with: users
where u.username operator(pg_catalog.=) any(@names::pg_catalog.text[])
