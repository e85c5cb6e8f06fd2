/* SPDX-License-Identifier: MIT */
/*
 * Importers: foreign traces become trace databases. Streamed: memory does not grow with the file
 * (names are interned, rows go straight to the writer). What is not taken over is counted in `loss`
 * with its reason.
 *
 * Thread: one import on one thread; several imports may run at once.
 */
#ifndef TRACEDB_IMPORT_H
#define TRACEDB_IMPORT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMPORT_OUTPUTS_MAX = 4096 };

struct import_result {
	char **paths;		/* databases written, one a process; import_result_end frees */
	size_t count;
	int64_t rows;		/* rows written in all */
	int64_t rejected;	/* events or rows not taken over (each counted in a loss row) */
};

/* Told now and then how far the file is read; may be NULL. */
typedef void (*import_progress)(void *context, int64_t bytes_done, int64_t bytes_all);

struct import_options {
	import_progress progress;
	void *progress_context;
	const char *tool_version;	/* for trace.tool_version; may be NULL */
};

/*
 * Reads a PyTorch Kineto trace (.json or .json.gz, recognised by content) and writes
 * `<folder>/<stem>.trace.db`, or one database a rank, `<folder>/<stem>-<label>.trace.db`, where
 * ranks were merged into the file under labels. Fails with ERROR_INPUT naming the file and the byte
 * offset; nothing is then left.
 */
bool import_kineto(const char *path, const char *folder, const struct import_options *options,
		   struct import_result *result, struct error *error);

/*
 * Reads a Nsight Systems SQLite export (schemas 2.9 to 3.28) and writes one database a process:
 * `<folder>/<stem>.trace.db`, or `<folder>/<stem>-pid<PID>.trace.db` where the file holds several
 * processes.
 */
bool import_nsys(const char *path, const char *folder, const struct import_options *options,
		 struct import_result *result, struct error *error);

/* Either of the two, by the content of the file. */
bool import_file(const char *path, const char *folder, const struct import_options *options,
		 struct import_result *result, struct error *error);

/* For importers: adds a path (copied) to the result. */
bool import_result_add(struct import_result *result, const char *path, struct error *error);
void import_result_end(struct import_result *result);

/*
 * For importers: "<folder>/<stem><suffix>.trace.db" in `out`, where stem is the file name of `path`
 * without .json, .json.gz, .gz, .sqlite. Fails if it does not fit.
 */
bool import_output_path(char *out, size_t size, const char *folder, const char *path,
			const char *suffix, struct error *error);

#endif
