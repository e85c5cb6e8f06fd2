/* SPDX-License-Identifier: MIT */
/*
 * A private copy of a database and its journal, for traces in folders that cannot be written:
 * SQLite needs to write beside a database that was left in WAL mode (its process was killed).
 *
 * Thread: any; each copy belongs to its caller.
 */
#ifndef TRACEDB_PRIVATE_COPY_H
#define TRACEDB_PRIVATE_COPY_H

#include "base/error.h"

#include <stdbool.h>

/* A fresh folder below $TMPDIR or /tmp; `folder` is malloc'ed. */
bool private_folder_make(char **folder, struct error *error);

/* Removes the folder with the files in it; frees the name. NULL is fine. */
void private_folder_remove(char *folder);

/*
 * For a process that a signal is about to end, whatever its other threads do: removes all folders
 * that it has, and never returns the right to make one.
 */
void private_folders_abandon(void);

/*
 * Copies `path` and, where it exists, `path`-wal into a fresh private folder. Both results are
 * malloc'ed.
 */
bool private_copy_make(const char *path, char **folder, char **copy, struct error *error);

#endif
