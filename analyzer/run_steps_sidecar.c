/* SPDX-License-Identifier: MIT */
#include "analyzer/run_steps.h"
#include "base/arena.h"
#include "tracedb/derived_reader.h"

#include <stdio.h>
#include <string.h>

enum { PART_NAME_BYTES = 128 };

static bool step_take(struct run_builder *builder, const struct step_row *row, struct error *error)
{
	const int64_t number = row->number;
	if (!run_builder_add_step(builder, number, row->duration_ns, row->kernels, error) ||
	    !run_builder_add_part(builder, number, "compute", row->compute_ns, error) ||
	    !run_builder_add_part(builder, number, "comm", row->comm_ns, error))
		return false;
	if (row->comm_wait_ns >= 0 && row->comm_transfer_ns >= 0 &&
	    (!run_builder_add_part(builder, number, "comm-wait", row->comm_wait_ns, error) ||
	     !run_builder_add_part(builder, number, "comm-transfer", row->comm_transfer_ns, error)))
		return false;
	return run_builder_add_part(builder, number, "copy", row->copy_ns, error) &&
	       run_builder_add_part(builder, number, "idle", row->idle_ns, error);
}

static bool steps_take(struct run_builder *builder, struct derived_reader *reader,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct step_row row;
	int result;
	if (!derived_reader_select(reader, DERIVED_step, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1)
		if (row.is_steady != 0 && !step_take(builder, &row, error)) {
			result = -1;
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool causes_take(struct run_builder *builder, struct derived_reader *reader,
			struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct step_idle_row row;
	char name[PART_NAME_BYTES];
	int result;
	if (!derived_reader_select(reader, DERIVED_step_idle, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		(void)snprintf(name, sizeof name, "idle/%s", row.cause);
		if (!run_builder_add_part(builder, row.number, name, row.idle_ns, error)) {
			result = -1;
			break;
		}
	}
	trace_cursor_close(cursor);
	return result == 0;
}

bool run_steps_read_sidecar(struct run_steps *run, const char *path, struct error *error)
{
	struct derived_reader *reader = NULL;
	struct run_builder *builder = NULL;
	int64_t gpus = 0;
	if (!derived_reader_open(&reader, path, error))
		return false;
	bool ok = derived_reader_count(reader, DERIVED_gpu_time, &gpus, error) &&
		  run_builder_begin(&builder, path, error) && steps_take(builder, reader, error) &&
		  causes_take(builder, reader, error);
	if (ok) {
		ok = run_builder_finish(builder, run, error);
		builder = NULL;
	}
	if (ok) {
		const struct analysis_row *analysis = derived_reader_analysis(reader);
		const char *anchor = analysis->step_anchor;
		run->gpu_count = gpus;
		run->ranks = analysis->world_size;
		run->anchor = arena_copy_text(run->arena, anchor, strlen(anchor));
		if (run->anchor == NULL) {
			run_steps_end(run);
			ok = fail(error, ERROR_SYSTEM, "no memory for the steps of '%s'", path);
		}
	}
	run_builder_abandon(builder);
	derived_reader_close(reader);
	return ok;
}
