-- name: schema
-- Every role may read the catalogue, so this works without any right on uzERP's tables.
select
    current_database() as database,
    current_setting('server_version') as server_version,
    current_user::text as role,
    current_setting('transaction_read_only')::boolean as read_only,
    pg_is_in_recovery() as standby,
    array(
        select t.name
        from unnest(@tables::text[]) with ordinality as t (name, n)
        where to_regclass(t.name) is null
        order by t.n
    ) as missing_tables,
    array(
        select c.name
        from unnest(@columns::text[]) with ordinality as c (name, n)
        where not exists (
            select
            from pg_attribute a
            where a.attrelid = to_regclass('users') and a.attname = c.name and not a.attisdropped
        )
        order by c.n
    ) as missing_columns
