-- name: injector_rows
-- The part that reading and locking share: every row with one of the names. Rows of a company or of another category
-- belong to it: they can be in the way (docs/facts/uzerp.md §4).
select id, name, category, class_name, usercompanyid
from injector_classes
where name = any(@names::text[])
order by id
