-- name: factor_owners
-- Which users have a factor in their row: no factor is deleted at Twilio while a row names it.
select mfa_sid, username
from UZERP.users
where mfa_sid operator(pg_catalog.=) any(@names::pg_catalog.text[])
order by mfa_sid collate pg_catalog."C", username collate pg_catalog."C"
