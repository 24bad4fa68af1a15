-- name: schema
-- What the session says of itself, and whether its role has anything that others could lack: a right over the whole server, or another
-- role's rights. It is sent on every new connection, whose session has read nothing of the catalogue yet. There each operator, function,
-- type and table that a statement names costs time. So this is short, and what only some need is asked later.
select
    pg_catalog.current_database()::pg_catalog.text as database,
    pg_catalog.current_setting('server_version') as server_version,
    pg_catalog.current_setting('server_encoding') as encoding,
    current_user::pg_catalog.text as role,
    session_user::pg_catalog.text as login,
    pg_catalog.current_setting('transaction_read_only')::boolean as read_only,
    pg_catalog.pg_is_in_recovery() as standby,
    pg_catalog.current_schemas(false)::pg_catalog.text[] as searched,
    pg_catalog.pg_backend_pid()::bigint as backend,
    coalesce(pg_catalog.bool_or(me and rolsuper), false) as superuser,
    coalesce(pg_catalog.bool_or(case when me
        then rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
        else pg_catalog.pg_has_role(session_user, oid, 'member')
    end), true) as powerful
from (
    select oid, rolname operator(pg_catalog.=) current_user or rolname operator(pg_catalog.=) session_user as me,
        rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
    from pg_catalog.pg_roles
) r
