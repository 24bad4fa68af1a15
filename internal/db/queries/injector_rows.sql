-- name: injector_rows
-- The part that reading and locking share: every row with one of the names. Rows of a company or of another category
-- belong to it: they can be in the way (docs/facts/uzerp.md §4).
select id, name, category, class_name, usercompanyid
from UZERP.injector_classes
where name operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by id
