-- name: insert_injector_class
-- uzERP's core looks up category SY and company -1 at the login page (docs/facts/uzerp.md §2).
insert into UZERP.injector_classes (name, category, class_name, usercompanyid)
values (@name::pg_catalog.text, 'SY', @after::pg_catalog.text, -1)
