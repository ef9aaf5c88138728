-- Positions as domain/rank.rs makes them by now, in the order that is there. Those from before grew
-- by a character every hundred or so appended tasks. 's' is the head of a number of four digits.
UPDATE tasks SET position = 's'
    || substr(digits, place / 238328 % 62 + 1, 1) || substr(digits, place / 3844 % 62 + 1, 1)
    || substr(digits, place / 62 % 62 + 1, 1) || substr(digits, place % 62 + 1, 1)
FROM (
    SELECT id AS ranked_id, row_number() OVER (PARTITION BY project_id, status ORDER BY position, id) AS place,
           '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz' AS digits
    FROM tasks
) WHERE id = ranked_id;
