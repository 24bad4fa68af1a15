-- name: login_lines
-- The lines of uzERP's table audit_lines about a login: what happened, when, to whom, and from where (docs/facts/uzerp.md §8).
-- A line holds all that a browser sent, passwords too, so its text goes nowhere. It ends with what uzERP answered, which is
-- compared from its first to its last character, without blanks: what a browser sent comes before, and can't look like it. A
-- line that has such an answer in another form is "unclear".
select
    a.id,
    a.created,
    pg_catalog.left(a.username, 200) as username,
    pg_catalog.left(a.remote_address, 100) as remote_address,
    pg_catalog.left(a.user_agent, 300) as user_agent,
    (
        select case
            when text operator(pg_catalog.~~) '%Array([errors]=>Array([0]=>CodenotValid)[warnings]=>Array()[messages]=>Array())'
                then 'code-not-valid'
            when text operator(pg_catalog.~~) '%Array([errors]=>Array([0]=>Incorrectusernameorpassword)[warnings]=>Array()[messages]=>Array())'
                then 'password-refused'
            when text operator(pg_catalog.~~) '%Array([errors]=>Array([0]=>Enrollmentfailed)[warnings]=>Array()[messages]=>Array())'
                or text operator(pg_catalog.~~)
                    '%Array([errors]=>Array([0]=>Factorexpired,pleaselogintocontinue)[warnings]=>Array()[messages]=>Array())'
                then 'enroll-refused'
            when text operator(pg_catalog.~~) '%Array([errors]=>Array()[warnings]=>Array()[messages]=>Array([0]=>Enrollmentsuccessful))'
                then 'enrolled'
            else 'unclear'
        end
        from (
            select pg_catalog.replace(pg_catalog.translate(pg_catalog.right(a.line, 600), E' \t\r\n', ''), '&gt;', '>') as text
            offset 0
        ) answer
    ) as what
from (select id, created, username, remote_address, user_agent, line from UZERP.audit_lines) a
where pg_catalog.right(a.line, 600) operator(pg_catalog.~)
    'Code not Valid|Incorrect username or password|Enrollment failed|Factor expired,|Enrollment successful'
