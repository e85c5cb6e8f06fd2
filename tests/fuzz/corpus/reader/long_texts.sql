-- Texts of half a megabyte wherever the report or the timeline shows one.
UPDATE device SET name = hex(zeroblob(250000)), uuid = hex(zeroblob(250000));
UPDATE trace SET host = hex(zeroblob(250000)), command = hex(zeroblob(250000)), source = hex(zeroblob(250000));
UPDATE string SET value = hex(zeroblob(100000)) WHERE string_id < 5;
UPDATE communicator SET name = hex(zeroblob(100000)) WHERE communicator_id = 1;
INSERT INTO loss VALUES (hex(zeroblob(100000)), hex(zeroblob(100000)), 3, 0, 0);
