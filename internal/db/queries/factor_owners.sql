-- name: factor_owners
-- Which users have a factor in their row: no factor is deleted at Twilio while a row names it.
select mfa_sid, username
from users
where mfa_sid = any(@names::text[])
order by mfa_sid collate "C", username collate "C"
