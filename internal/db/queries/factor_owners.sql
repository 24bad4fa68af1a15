-- name: factor_owners
-- Who still needs a factor: nothing is deleted at Twilio that a row names.
select mfa_sid, username
from users
where mfa_sid = any(@names::text[])
order by mfa_sid collate "C", username collate "C"
