/* SPDX-License-Identifier: MIT */
/*
 * Events of a Kineto trace as rows of the database: what the two files that put them share.
 *
 * Thread: as the part.
 */
#ifndef TRACEDB_IMPORT_KINETO_ROWS_H
#define TRACEDB_IMPORT_KINETO_ROWS_H

#include "tracedb/import_kineto_part.h"

/*
 * Durations beyond 7 days and time stamps beyond 100 years (from 1970, or from the base) are
 * damage, not measurements.
 */
#define KINETO_DURATION_MAX_NS INT64_C(604800000000000)
#define KINETO_SPAN_MAX_NS INT64_C(3153600000000000000)
/* An epoch this late (1973) is Unix time itself: then a time stamp of 0 was never measured. */
#define KINETO_ABSOLUTE_FROM_NS INT64_C(100000000000000000)

struct kineto_row {
	struct kineto_part *part;
	const struct kineto_event *event;
	int64_t start_ns, duration_ns;
};

/* The event's name as a string id. */
bool kineto_row_name(const struct kineto_row *row, int64_t *name_id, struct error *error);

bool kineto_put_kernel(const struct kineto_row *row, struct error *error);
bool kineto_put_memcpy(const struct kineto_row *row, struct error *error);
bool kineto_put_memset(const struct kineto_row *row, struct error *error);
bool kineto_put_synchronization(const struct kineto_row *row, struct error *error);
bool kineto_put_cuda_event(const struct kineto_row *row, struct error *error);
bool kineto_put_gpu_range(const struct kineto_row *row, struct error *error);

#endif
