-- A trace whose process was killed before it wrote a row.
DELETE FROM trace; DELETE FROM kernel; DELETE FROM memcpy; DELETE FROM memset; DELETE FROM string;
DELETE FROM stream; DELETE FROM device; DELETE FROM range; DELETE FROM collective; DELETE FROM graph_launch;
