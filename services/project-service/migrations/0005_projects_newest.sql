-- A page of somebody's projects is read without the rest of them.
CREATE INDEX projects_newest ON projects (owner_id, id);
