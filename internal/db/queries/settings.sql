-- name: settings
-- Settings for this transaction alone: a pooler gives the session to others afterwards. A database with the encoding
-- SQL_ASCII does not know what its bytes mean, and the server would refuse to send those that are not UTF-8. So they come
-- and go as they are. A setting that an older server does not know is left out, and so is one that only some systems have.
select pg_catalog.set_config(s.name, s.value, true)
from rows from (pg_catalog.unnest(@names::pg_catalog.text[]), pg_catalog.unnest(@values::pg_catalog.text[])) as s (name, value)
where s.name operator(pg_catalog.<>) all (array['transaction_timeout', 'client_connection_check_interval'])
    or pg_catalog.current_setting(s.name, true) is not null
        and (s.name operator(pg_catalog.=) 'transaction_timeout' or pg_catalog.version() operator(pg_catalog.~~) '%-linux-%')
union all
select pg_catalog.set_config('client_encoding',
    case when pg_catalog.current_setting('server_encoding') operator(pg_catalog.=) 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end, true)
