-- name: limit_trial
-- How long the server lets the transaction be idle, in milliseconds, and a name that an administrator understands in
-- pg_stat_activity. PostgreSQL 17 can limit a whole transaction too: that would end the mark too early.
select set_config(setting.name, setting.value, true)
from (
    values
        ('idle_in_transaction_session_timeout', @idle::text),
        ('transaction_timeout', '0'),
        ('application_name', @application::text)
) as setting (name, value)
where exists (select from pg_settings s where s.name = setting.name)
