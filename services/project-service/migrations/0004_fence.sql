-- How the positions of events stand to what the streams Redis holds.
CREATE TABLE event_fence (
    only_row      INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- Positions grow above this one, and above the newest event.
    floor         INTEGER NOT NULL,
    -- The newest event when the process started; what comes after it may lie below what the stream holds. NULL
    -- once the stream has said what that is.
    unfenced_from INTEGER
) STRICT;

INSERT INTO event_fence (only_row, floor, unfenced_from) VALUES (1, 0, NULL);
