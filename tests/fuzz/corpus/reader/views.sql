-- A view in place of a table.
DROP TABLE kernel;
CREATE VIEW kernel AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT i AS start_ns, 1 AS duration_ns, 1 AS stream_id, 1 AS kernel_id, 0 AS correlation_id FROM n;
