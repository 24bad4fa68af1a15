-- name: update_injector_class
-- The row changes only if it still has the class that the plan replaces.
update injector_classes
set class_name = @after::text
where id = @id::bigint and name = @name::text and class_name = @before::text
