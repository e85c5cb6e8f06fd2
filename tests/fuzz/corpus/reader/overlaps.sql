-- Many rows on top of each other, of length zero, out of order, on one stream.
INSERT INTO kernel WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
SELECT 10000 - i * 7 % 1000, i * 13 % 50, 1 + i % 4, 1 + i % 3, i, 0, 0 FROM n;
INSERT INTO memcpy SELECT start_ns, duration_ns, stream_id, start_ns % 12, 1, 2, 9000000000000000000, 0, 1, 1, 0, 3, 0, 0
FROM kernel;
INSERT INTO range SELECT start_ns, duration_ns * 9, 701, 701, 1 + start_ns % 3, 0, 0, 5, 0, 0, 0 FROM kernel;
