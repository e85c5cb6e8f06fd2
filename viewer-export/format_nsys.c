/* SPDX-License-Identifier: MIT */
/*
 * SQLite in the layout of a Nsight Systems export. It wants rows, not lanes: the tables of the
 * traces are read as they stand.
 */
#include "viewer-export/export.h"
#include "viewer-export/format.h"
#include "viewer-export/nsys_session.h"
#include "viewer-export/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

static bool trace_put(struct nsys_session *session, size_t index, struct error *error)
{
	struct nsys_trace trace;
	const struct export_set *set = session->set;
	bool ok = nsys_trace_begin(&trace, session, index, error) &&
		  nsys_put_trace_facts(session, &trace, index, error) &&
		  nsys_put_work(session, &trace, error) && nsys_put_host(session, &trace, error) &&
		  nsys_put_ranges(session, &trace, error) &&
		  nsys_put_left_out(session, &trace, error);
	nsys_trace_end(&trace);
	if (ok && set->progress != NULL)
		set->progress(set->progress_context, (int64_t)(index + 1), (int64_t)set->count);
	return ok;
}

static bool file_copy(int file, struct output *output, struct error *error)
{
	char *bytes = malloc(COPY_BYTES);
	bool ok = bytes != NULL || fail(error, ERROR_SYSTEM, "no memory to export");
	off_t at = 0;
	while (ok) {
		ssize_t size = pread(file, bytes, COPY_BYTES, at);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			ok = fail(error, ERROR_SYSTEM, "cannot read what was written: %s",
				  strerror(errno));
		if (size <= 0)
			break;
		ok = output_write(output, bytes, (size_t)size, error);
		at += size;
	}
	free(bytes);
	return ok;
}

static bool nsys_write_set(struct export_stream *stream, const struct export_set *set,
			   struct export_summary *summary, struct error *error)
{
	struct nsys_writer *writer;
	struct nsys_session session;
	int file = -1;
	if (!nsys_writer_open(&writer, set->output_path, error))
		return false;
	bool ok = nsys_session_begin(&session, set, writer, error) &&
		  nsys_put_session_facts(&session, error);
	for (size_t i = 0; ok && i < set->count; i++)
		ok = trace_put(&session, i, error);
	nsys_session_end(&session);
	summary->rows = nsys_writer_rows(writer);
	summary->tables = nsys_writer_tables(writer);
	ok = ok && nsys_writer_finish(writer, &file, error) &&
	     file_copy(file, stream->output, error);
	nsys_writer_close(writer);
	return ok;
}

const struct export_format nsys_format = {
	.name = "nsys",
	.extension = ".sqlite",
	.summary = "SQLite in the layout of a Nsight Systems export, for its scripts and readers",
	.write_set = nsys_write_set,
};
