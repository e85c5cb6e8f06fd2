/* SPDX-License-Identifier: MIT */
/*
 * A report as an analysis database: the same numbers, table by table.
 *
 * Thread: one thread; the traces of the report must still be open if it kept pieces of idle time.
 */
#ifndef ANALYZER_SIDECAR_WRITE_H
#define ANALYZER_SIDECAR_WRITE_H

#include "analyzer/report.h"

struct sidecar_origin {
	const char *tool_version;
	const char *options;	/* that shaped the analysis, one name=value a line */
	int64_t made_ns;	/* Unix time */
};

/* All or nothing: on failure what stood at `path` stays. */
bool sidecar_write(const struct report *report, const char *path,
		   const struct sidecar_origin *origin, struct error *error);

#endif
