-- Columns that compute.
DROP TABLE memset;
CREATE TABLE memset (start_ns INTEGER, duration_ns AS (start_ns * 2), stream_id AS (zeroblob(100)) STORED);
INSERT INTO memset (start_ns) VALUES (9223372036854775807), (1), (NULL);
