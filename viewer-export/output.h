/* SPDX-License-Identifier: MIT */
/*
 * The file that an export writes: appears under its name only when it is complete, otherwise
 * nothing is left. "-" is standard output; a name that ends in .gz is compressed; what exists and
 * is no regular file (a pipe, /dev/null) is written directly.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_OUTPUT_H
#define VIEWER_EXPORT_OUTPUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

bool output_open(struct output **out, const char *path, struct error *error);

/*
 * Keeps what comes later in the file than it is known: a file without a name, beside `beside` or,
 * where that has no folder, in that for temporary files. It is abandoned, never committed.
 */
bool output_open_aside(struct output **out, const struct output *beside, struct error *error);

/* All that was written aside, appended to the other. */
bool output_append(struct output *output, struct output *aside, struct error *error);

/* Only counts what is written. */
bool output_open_nowhere(struct output **out, struct error *error);

/* The error names the path and what the system said. */
bool output_write(struct output *output, const char *bytes, size_t size, struct error *error);

/* Bytes written so far, before compression. */
int64_t output_bytes(const struct output *output);

/* The rest is written and the file gets its name. The output is gone, also on failure. */
bool output_commit(struct output *output, struct error *error);

/* Gone without a trace. NULL is fine. */
void output_abandon(struct output *output);

#endif
