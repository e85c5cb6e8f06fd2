-- Somebody else's database.
PRAGMA application_id = -1;
