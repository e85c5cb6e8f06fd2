/* SPDX-License-Identifier: MIT */
/*
 * One row as an export would write it: the walk's own writers are called for it with a format that
 * keeps what it is told. So a slice has the same name, category and arguments in every viewer.
 *
 * Thread: that of the reader.
 */
#ifndef VIEWER_EXPORT_TILE_DESCRIBE_H
#define VIEWER_EXPORT_TILE_DESCRIBE_H

#include "base/error.h"
#include "base/text.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct export_arguments;
struct survey;
struct tile_describer;

struct tile_description {
	struct text name;
	struct text category;
	const char *color;	/* a literal, or NULL */
	struct text arguments;	/* members of a JSON object, without its braces */
	int64_t start_ns;	/* since the trace's epoch */
	int64_t end_ns;
	int64_t correlation_id;
};

/* Reads the kernel symbols. The survey's kinds must be without flows. */
bool tile_describer_open(struct tile_describer **out, struct trace_reader *reader,
			 struct survey *survey, struct error *error);
void tile_describer_close(struct tile_describer *describer);

/*
 * `*description` is borrowed until the next call; NULL: there is no such row. With details, NCCL
 * operations are joined with their kernels: they are read when this is first asked for.
 */
bool tile_describe_row(struct tile_describer *describer, size_t source, int64_t row_id,
		       bool wants_details, const struct tile_description **description,
		       struct error *error);

/* As members of a JSON object, after those that are there. */
void tile_add_arguments(struct text *text, const struct export_arguments *arguments);

#endif
