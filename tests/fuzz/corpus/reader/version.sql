-- A version that will come some day.
PRAGMA user_version = 2147483647;
