/* SPDX-License-Identifier: MIT */
/*
 * Stretches of time on host threads, found by a moment: which of them was the thread in? 40 bytes
 * each.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef TRACEDB_HOST_SPANS_H
#define TRACEDB_HOST_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_span {
	int64_t thread_id;
	int64_t start_ns;
	int64_t end_ns;
	int64_t reach_ns;	/* latest end among the thread's spans up to this one */
	uint32_t what;		/* the caller's */
	bool is_taken;		/* the caller's */
};

struct host_spans {
	struct host_span *list;	/* after host_spans_sort: by thread and start, outer before inner */
	size_t count;
	size_t room;
};

/* A span that is no span (ends before it begins, or never) is left out. False: memory is short. */
bool host_spans_keep(struct host_spans *spans, int64_t thread_id, int64_t start_ns,
		     int64_t duration_ns, uint32_t what);
void host_spans_sort(struct host_spans *spans);
void host_spans_end(struct host_spans *spans);

/* The place of the first span of the thread, or of a later one, that starts at or after the time.
 */
size_t host_spans_at(const struct host_spans *spans, int64_t thread_id, int64_t time_ns);

/*
 * The innermost span that the thread was in; then, given that one, the next outer one, and so on.
 * NULL: there is none. Looks at most at HOST_SPANS_BACK spans.
 */
enum { HOST_SPANS_BACK = 65536 };
struct host_span *host_spans_enclosing(const struct host_spans *spans, int64_t thread_id,
				       int64_t time_ns, const struct host_span *inner);

#endif
