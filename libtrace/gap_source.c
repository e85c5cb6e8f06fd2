/* SPDX-License-Identifier: MIT */
#include "libtrace/gap_source.h"
#include "libtrace/window_source.h"

#include <stdbool.h>
#include <string.h>

static struct {
	bool has_open_rows;	/* some row in the file lasted when it was written */
	struct {
		int64_t start_ns;
		const char *reason;	/* NULL: none lasts */
	} cupti;
} gaps;

void gap_source_put(struct drain *drain, const struct capture_gap_row *row)
{
	bool is_open = row->duration_ns < 0;
	if (is_open && drain_is_flying(drain))
		return;
	if (!is_open && gaps.has_open_rows && !drain_is_flying(drain))
		drain_drop_open_gap(drain, row->start_ns, row->source_id);
	gaps.has_open_rows |= is_open;
	drain_put(drain, TABLE_capture_gap, row);
}

static void cupti_write(struct drain *drain, int64_t start_ns, int64_t duration_ns,
			const char *reason)
{
	const struct capture_gap_row row = {
		.start_ns = start_ns, .duration_ns = duration_ns,
		.source_id = drain_string(drain, "cupti", strlen("cupti")),
		.reason_id = drain_string(drain, reason, strlen(reason)),
	};
	gap_source_put(drain, &row);
}

void gap_source_put_cupti(struct drain *drain, int64_t start_ns, int64_t duration_ns,
			  const char *reason)
{
	if (duration_ns < 0) {
		gaps.cupti.start_ns = start_ns;
		gaps.cupti.reason = reason;
	} else if (gaps.cupti.start_ns == start_ns) {
		gaps.cupti.reason = NULL;
	}
	cupti_write(drain, start_ns, duration_ns, reason);
}

void gap_source_hear(void *context, int64_t start_ns, int64_t end_ns, const char *reason)
{
	struct drain *drain = context;
	int64_t duration_ns = end_ns == -1 ? -1 : end_ns - start_ns;
	gap_source_put_cupti(drain, drain_time(drain, start_ns), duration_ns, reason);
}

void gap_source_write_open(struct drain *drain, int64_t now_ns)
{
	window_source_write_open(drain, now_ns);
	if (gaps.cupti.reason != NULL)
		cupti_write(drain, gaps.cupti.start_ns,
			    drain_time(drain, now_ns) - gaps.cupti.start_ns, gaps.cupti.reason);
}
