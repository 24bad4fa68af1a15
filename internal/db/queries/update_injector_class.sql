-- name: update_injector_class
-- The row changes only if it still has the class that the plan replaces.
update UZERP.injector_classes
set class_name = @after::pg_catalog.text
where id operator(pg_catalog.=) @id::bigint
    and name operator(pg_catalog.=) @name::pg_catalog.text
    and class_name operator(pg_catalog.=) @before::pg_catalog.text
