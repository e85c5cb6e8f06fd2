-- Whatever else a schema may hold.
CREATE TRIGGER t AFTER INSERT ON kernel BEGIN DELETE FROM string; END;
CREATE INDEX i ON kernel (start_ns + 1);
CREATE INDEX j ON string (value COLLATE nocase) WHERE string_id > 3;
CREATE VIRTUAL TABLE v USING fts5(x);
