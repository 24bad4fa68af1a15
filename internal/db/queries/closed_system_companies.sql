-- name: closed_system_companies
-- Which of the companies are closed for everybody, by uzERP's maintenance switch (docs/facts/uzerp.md §9).
select id, access_enabled operator(pg_catalog.=) 'NONE' as closed
from UZERP.system_companies
