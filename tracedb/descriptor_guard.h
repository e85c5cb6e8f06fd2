/* SPDX-License-Identifier: MIT */
/*
 * SQLite's files in somebody else's process. A program may close descriptors that are not its own
 * (all from 3 up, as daemons do) and get the same numbers for its own files: a page of a database
 * written there would destroy the program's data. So SQLite gets handles instead of descriptors,
 * and at every use the descriptor behind a handle is asked whether it still is the file that was
 * opened. If not, the file is opened anew by its path, with the locks that were held; if it is no
 * longer there, the call fails. The descriptors have high numbers: the program's own are what they
 * would be without us.
 *
 * Thread: the one that uses SQLite; at most 32 files at a time.
 */
#ifndef TRACEDB_DESCRIPTOR_GUARD_H
#define TRACEDB_DESCRIPTOR_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * For every file that SQLite opens from now on; again does nothing. False: this SQLite positions
 * its descriptors itself and cannot be guarded.
 */
bool descriptor_guard_install(void);

/* Files opened anew so far, because their descriptors were taken away. */
int64_t descriptor_guard_reopened(void);

/* The file system knows no locks: nobody else may write the file meanwhile, and nobody does. */
bool descriptor_guard_lacks_locks(void);

#endif
