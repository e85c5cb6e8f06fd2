/* SPDX-License-Identifier: MIT */
/*
 * The bare baseline of writing: a hand-written prepared INSERT loop over the same kernel rows into
 * the same schema with the same pragmas and transaction size. Thread: single-threaded.
 */
#ifndef TESTS_BENCH_BARE_INSERT_H
#define TESTS_BENCH_BARE_INSERT_H

#include "tracedb/tables.h"

#include <stddef.h>

/* Creates `path` (through the real writer, for the schema) and inserts all rows by hand. */
void bare_insert_kernels(const char *path, const struct kernel_row *rows, size_t count);

#endif
