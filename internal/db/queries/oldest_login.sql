-- name: oldest_login
-- The time of the line with the smallest number.
select a.created
from (select id, created from UZERP.audit_lines) a
where a.created operator(pg_catalog.>=) '1900-01-01' and a.created operator(pg_catalog.<=) '9999-12-31'
order by a.id
limit 1
