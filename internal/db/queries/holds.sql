-- name: holds
-- Nothing but a question whether the database's encoding has all characters of these texts: if not, the server refuses them.
select pg_catalog.count(t) from pg_catalog.unnest(@texts::pg_catalog.text[]) as s (t)
