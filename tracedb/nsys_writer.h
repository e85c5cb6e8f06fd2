/* SPDX-License-Identifier: MIT */
/*
 * A SQLite file in the layout of a Nsight Systems export while it grows: rows, and texts that are
 * stored once. As in a real export, a table is made with its first row. The file has no name: it
 * is gone by itself when it is closed or the program is killed, and is copied to where it belongs
 * when it is complete.
 *
 * Memory: the page cache (8 MiB) and the texts of StringIds.
 *
 * Thread: one thread at a time.
 */
#ifndef TRACEDB_NSYS_WRITER_H
#define TRACEDB_NSYS_WRITER_H

#include "base/error.h"
#include "tracedb/nsys_schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nsys_writer;

enum nsys_cell_type { CELL_NULL, CELL_INTEGER, CELL_TEXT };

struct nsys_cell {
	enum nsys_cell_type type;
	int64_t number;
	const char *text;
};

#define CELL_NONE ((struct nsys_cell){ CELL_NULL, 0, NULL })
#define CELL_OF(value) ((struct nsys_cell){ CELL_INTEGER, (value), NULL })
/* An empty text is an unknown one: NULL. */
#define CELL_OF_TEXT(value) \
	((struct nsys_cell){ (value)[0] != 0 ? CELL_TEXT : CELL_NULL, 0, (value) })

/* NULL where the value is `unknown`. */
static inline struct nsys_cell nsys_cell_or_null(int64_t value, int64_t unknown)
{
	return value == unknown ? CELL_NONE : CELL_OF(value);
}

/*
 * In the folder of `path`, which is the final name and must stay, else in that for temporary files.
 */
bool nsys_writer_open(struct nsys_writer **out, const char *path, struct error *error);

/* One cell for each column of the table. Invalid UTF-8 in texts becomes U+FFFD. */
bool nsys_writer_put(struct nsys_writer *writer, enum nsys_output_table table,
		     const struct nsys_cell *cells, size_t count, struct error *error);

#define NSYS_PUT(writer, table, cells, error) \
	nsys_writer_put((writer), (table), (cells), sizeof (cells) / sizeof (cells)[0], (error))

/* The id of a text in StringIds, where it is put if it is new. */
bool nsys_writer_string(struct nsys_writer *writer, const char *text, int64_t *id,
			struct error *error);

bool nsys_writer_enums(struct nsys_writer *writer, struct error *error);

int64_t nsys_writer_rows(const struct nsys_writer *writer);
int64_t nsys_writer_tables(const struct nsys_writer *writer);

/* Completes the file, to be read through `*file` until the writer is closed. */
bool nsys_writer_finish(struct nsys_writer *writer, int *file, struct error *error);

void nsys_writer_close(struct nsys_writer *writer);	/* NULL is fine */

#endif
