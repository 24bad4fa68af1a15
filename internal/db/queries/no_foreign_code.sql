-- name: no_foreign_code
-- Fails with a division by zero where foreign_code finds something. So the statement that comes after it in the same
-- transaction does not run.
select 1 operator(pg_catalog./) case when exists (
-- with: foreign_code
) then 0 else 1 end
