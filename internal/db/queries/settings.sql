-- name: settings
-- Settings for this transaction alone: a pooler gives the session to others afterwards.
select pg_catalog.set_config(s.name, s.value, true)
from rows from (pg_catalog.unnest(@names::pg_catalog.text[]), pg_catalog.unnest(@values::pg_catalog.text[])) as s (name, value)
