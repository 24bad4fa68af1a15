-- name: update_injector_class
-- The old class is part of the condition: the plan says what it replaces.
update injector_classes
set class_name = @after::text
where id = @id::bigint and name = @name::text and class_name = @before::text
