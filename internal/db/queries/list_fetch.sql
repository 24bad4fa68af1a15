-- name: list_fetch
-- Enough rows for few round trips, few enough for little memory.
fetch forward 500 from listing
