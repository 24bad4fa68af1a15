-- name: usernames
-- For the shell's completion, with the person behind each. A name matches without the case of its ASCII letters; those that
-- match with it come first. bare: only names that need no quotes in any shell, as shell.IsBare says, because bash would run
-- others as code. Unlike LIKE, starts_with has no wildcards that would need an escape.
select
    u.username,
    trim(pg_catalog.concat_ws(' ', p.firstname, p.surname)) as person
from (select username, person_id from UZERP.users) u
left join (select id, firstname, surname from UZERP.person) p on p.id operator(pg_catalog.=) u.person_id
where pg_catalog.starts_with(
        pg_catalog.lower(u.username::pg_catalog.text collate pg_catalog."C"), pg_catalog.lower(@prefix::pg_catalog.text collate pg_catalog."C")
    )
    and (not @bare::boolean
        or u.username::pg_catalog.text collate pg_catalog."C" operator(pg_catalog.~) '^[A-Za-z0-9_.+]'
        and u.username::pg_catalog.text collate pg_catalog."C" operator(pg_catalog.!~) '[^A-Za-z0-9_.@+-]')
order by pg_catalog.starts_with(u.username::pg_catalog.text, @prefix::pg_catalog.text) desc, u.username collate pg_catalog."C"
limit @limit
