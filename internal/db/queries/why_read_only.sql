-- name: why_read_only
-- Whether the server is a standby, and where default_transaction_read_only is set, if it is on.
select
    pg_catalog.pg_is_in_recovery() as standby,
    coalesce((
        select s.source
        from pg_catalog.pg_settings s
        where s.name operator(pg_catalog.=) 'default_transaction_read_only' and s.setting operator(pg_catalog.=) 'on'
    ), '') as source
