-- A rank below zero in a job of a size below zero.
UPDATE trace SET rank = -9223372036854775808, world_size = -9223372036854775808, local_rank = -7;
