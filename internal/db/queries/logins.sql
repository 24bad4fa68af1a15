-- name: logins
-- The lines about logins among those with a number from @from to @upto, and not older than @since, newest first. A name that
-- is no user's is left out: people type passwords there. So is the name with a refused password: it is that of an earlier
-- login in the same browser.
select
    l.created,
    case when l.what operator(pg_catalog.<>) 'password-refused' and u.username is not null then l.username else '' end as username,
    coalesce(l.remote_address, '') as remote_address,
    coalesce(l.user_agent, '') as user_agent,
    l.what
from (
-- with: login_lines
) l
left join (select username from UZERP.users) u on u.username operator(pg_catalog.=) l.username
where l.id operator(pg_catalog.>=) @from::pg_catalog.int8 and l.id operator(pg_catalog.<=) @upto::pg_catalog.int8
    and l.created operator(pg_catalog.>=) @since::timestamp and l.created operator(pg_catalog.<=) '9999-12-31'
    and (@names::pg_catalog.text[] is null or l.what operator(pg_catalog.=) any(array['password-refused', 'unclear'])
        or coalesce(l.username, '') operator(pg_catalog.=) '' or u.username is null
        or l.username operator(pg_catalog.=) any(@names::pg_catalog.text[]))
order by l.id desc
limit @most::pg_catalog.int8
