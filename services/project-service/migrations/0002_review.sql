-- What a review of a project reads, so that its work does not grow with the project.

-- Unticked "- [ ]" lines of the description, counted when it is written.
ALTER TABLE tasks ADD COLUMN open_steps INTEGER NOT NULL DEFAULT 0;

WITH RECURSIVE lines (id, line, rest) AS (
    SELECT id, '', description || char(10) FROM tasks WHERE instr(description, '[ ]') > 0
    UNION ALL
    SELECT id, substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1)
    FROM lines WHERE rest <> ''
)
UPDATE tasks SET open_steps = counted.steps FROM (
    SELECT id, count(*) AS steps FROM lines
    WHERE trim(line, ' ' || char(9)) GLOB '[-*] [[] ][ ' || char(9) || ']*' GROUP BY id
) AS counted WHERE tasks.id = counted.id;

CREATE INDEX tasks_due ON tasks (project_id, due_on, number, status) WHERE status < 3 AND due_on IS NOT NULL;
CREATE INDEX tasks_begun ON tasks (project_id, status, updated_at, number) WHERE status = 1 OR status = 2;
CREATE INDEX tasks_steps ON tasks (project_id, open_steps DESC, number, status) WHERE status < 3 AND open_steps > 0;
CREATE INDEX tasks_completed ON tasks (project_id, completed_at) WHERE completed_at IS NOT NULL;
