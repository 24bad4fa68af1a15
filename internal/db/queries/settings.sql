-- name: settings
-- Settings for this transaction alone: a pooler gives the session to others afterwards. One that an older server does not
-- know is left out.
select pg_catalog.set_config(s.name, s.value, true)
from rows from (pg_catalog.unnest(@names::pg_catalog.text[]), pg_catalog.unnest(@values::pg_catalog.text[])) as s (name, value)
where s.name operator(pg_catalog.<>) 'transaction_timeout' or pg_catalog.current_setting(s.name, true) is not null
