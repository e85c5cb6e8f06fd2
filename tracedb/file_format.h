/* SPDX-License-Identifier: MIT */
/*
 * What a file is, by its content.
 *
 * Thread: any.
 */
#ifndef TRACEDB_FILE_FORMAT_H
#define TRACEDB_FILE_FORMAT_H

#include "base/error.h"

#include <stdbool.h>

enum file_format {
	FILE_FORMAT_UNKNOWN,
	FILE_FORMAT_TRACE,	/* ours */
	FILE_FORMAT_ANALYSIS,	/* ours: what an analysis found (derived.h) */
	FILE_FORMAT_NSYS,	/* Nsight Systems SQLite export */
	FILE_FORMAT_NSYS_OWN,	/* the same layout, written by `laggard export --format nsys` */
	FILE_FORMAT_SQLITE,	/* some other SQLite database */
	FILE_FORMAT_KINETO,	/* JSON, perhaps gzipped */
	FILE_FORMAT_RESULT,	/* a timeline or a report that laggard made of traces */
};

/* Fails with ERROR_INPUT for missing, unreadable, empty files and folders. */
bool file_format_of(const char *path, enum file_format *format, struct error *error);

#endif
