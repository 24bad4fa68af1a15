-- name: limit_trial
-- How long the server lets the transaction be idle, in milliseconds, and a name that an administrator understands in
-- pg_stat_activity. PostgreSQL 17 can limit a whole transaction too: that would end the mark too early.
select pg_catalog.set_config(setting.name, setting.value, true)
from (
    values
        ('idle_in_transaction_session_timeout', @idle::pg_catalog.text),
        ('transaction_timeout', '0'),
        ('application_name', @application::pg_catalog.text)
) as setting (name, value)
where exists (select from pg_catalog.pg_settings s where s.name operator(pg_catalog.=) setting.name)
