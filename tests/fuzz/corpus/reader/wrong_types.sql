-- Tables of the right names with other types, and with too few columns.
DROP TABLE kernel;
CREATE TABLE kernel (start_ns, duration_ns TEXT, stream_id BLOB, kernel_id REAL, extra);
INSERT INTO kernel VALUES ('soon', NULL, x'00ff', 1e300, 1), (1.5, '12abc', '1', 1.0, 2), (NULL, NULL, NULL, NULL, 3);
DROP TABLE string;
CREATE TABLE string (string_id, value);
INSERT INTO string VALUES ('x', x'00'), (NULL, NULL), (1e18, 7), (2, zeroblob(1000));
DROP TABLE stream;
DROP TABLE device;
CREATE TABLE device (unknown);
