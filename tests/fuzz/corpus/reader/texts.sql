-- Names that steer terminals, break markup and are no UTF-8.
UPDATE string SET value = CAST(x'1b5b33316d3c2f7363726970743e0a0d7cff' AS TEXT);
UPDATE device SET name = CAST(x'fffe0a07' AS TEXT), uuid = 'a|b*c_d`e<f>&"';
UPDATE trace SET host = CAST(x'eda080' AS TEXT), command = char(10, 13, 27), source = char(27, 93);
UPDATE communicator SET name = CAST(x'c080' AS TEXT);
INSERT INTO loss VALUES (char(27) || '[2J', char(10, 8, 127, 155), 3, 0, 0);
