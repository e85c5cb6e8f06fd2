/* SPDX-License-Identifier: MIT */
/*
 * Where the database of this process goes: LAGGARD_OUTPUT with its %-fields filled in.
 *
 * Thread: any; touches the file system only where said.
 */
#ifndef LIBTRACE_OUTPUT_PATH_H
#define LIBTRACE_OUTPUT_PATH_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTPUT_PATH_MAX = 2048 };

struct output_fields {
	const char *host;
	int64_t pid;
	int64_t rank;	/* -1: unknown, written as "x" */
};

/*
 * A pattern with '%' or ending in ".db" names a file; anything else is a folder, in which the file
 * is called <host>-<pid>.trace.db. %% is a percent sign. The result is absolute.
 */
bool output_path_make(char path[OUTPUT_PATH_MAX], const char *pattern,
		      const struct output_fields *fields, struct error *error);

/* Whether the file could be created, as far as that can be told without creating anything. */
bool output_path_check(const char *path, struct error *error);

/* Makes the missing folders above the file. */
bool output_path_make_folders(const char *path, struct error *error);

/*
 * The path for another try when the file is there already: "name-2.trace.db". False when it is too
 * long.
 */
bool output_path_number(char numbered[OUTPUT_PATH_MAX], const char *path, int number);

#endif
