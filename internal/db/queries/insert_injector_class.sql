-- name: insert_injector_class
-- uzERP's core looks up category SY and company -1 at the login page (docs/facts/uzerp.md §2).
insert into injector_classes (name, category, class_name, usercompanyid)
values (@name::text, 'SY', @after::text, -1)
