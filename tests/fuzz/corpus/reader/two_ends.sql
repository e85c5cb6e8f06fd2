-- At the late end of time, beside a trace that begins at the early end: the last tick of the queue's counter.
DELETE FROM sample;
UPDATE trace SET epoch_ns = 9223372036854775807;
INSERT INTO api_call VALUES (9223372036854775806, 0, 701, 2, 3, 500, 0), (100, 5, 701, 2, 3, 501, 0);
INSERT INTO kernel VALUES (9223372036854775807, 5, 1, 1, 500, 0, 0), (9223372036854775807, 5, 1, 1, 501, 0, 0);

