-- name: insert_injector_class
-- SY and -1: what uzERP's core looks up at the login page (docs/facts/uzerp.md §2).
insert into injector_classes (name, category, class_name, usercompanyid)
values (@name::text, 'SY', @after::text, -1)
