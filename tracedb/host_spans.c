/* SPDX-License-Identifier: MIT */
#include "tracedb/host_spans.h"

#include "base/array.h"

#include <stdlib.h>

bool host_spans_keep(struct host_spans *spans, int64_t thread_id, int64_t start_ns,
		     int64_t duration_ns, uint32_t what)
{
	int64_t end_ns;
	if (duration_ns < 0 || __builtin_add_overflow(start_ns, duration_ns, &end_ns))
		return true;
	struct host_span *list = array_grow(spans->list, &spans->room, spans->count,
					    sizeof list[0]);
	if (list == NULL)
		return false;
	spans->list = list;
	list[spans->count++] = (struct host_span){
		.thread_id = thread_id, .start_ns = start_ns, .end_ns = end_ns, .what = what,
	};
	return true;
}

static int span_compare(const void *left, const void *right)
{
	const struct host_span *a = left, *b = right;
	if (a->thread_id != b->thread_id)
		return a->thread_id < b->thread_id ? -1 : 1;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	if (a->end_ns != b->end_ns)
		return a->end_ns > b->end_ns ? -1 : 1;
	return (a->what > b->what) - (a->what < b->what);
}

void host_spans_sort(struct host_spans *spans)
{
	struct host_span *list = spans->list;
	if (spans->count > 1)
		qsort(list, spans->count, sizeof list[0], span_compare);
	for (size_t i = 0; i < spans->count; i++) {
		list[i].reach_ns = list[i].end_ns;
		if (i > 0 && list[i - 1].thread_id == list[i].thread_id &&
		    list[i - 1].reach_ns > list[i].end_ns)
			list[i].reach_ns = list[i - 1].reach_ns;
	}
}

void host_spans_end(struct host_spans *spans)
{
	free(spans->list);
	*spans = (struct host_spans){ .list = NULL };
}

size_t host_spans_at(const struct host_spans *spans, int64_t thread_id, int64_t time_ns)
{
	size_t low = 0, high = spans->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct host_span *span = &spans->list[middle];
		if (span->thread_id < thread_id ||
		    (span->thread_id == thread_id && span->start_ns < time_ns))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct host_span *host_spans_enclosing(const struct host_spans *spans, int64_t thread_id,
				       int64_t time_ns, const struct host_span *inner)
{
	size_t at = inner != NULL ? (size_t)(inner - spans->list) :
		    time_ns == INT64_MAX ? spans->count :
		    host_spans_at(spans, thread_id, time_ns + 1);
	for (size_t looked = 0; at > 0 && looked < HOST_SPANS_BACK; looked++) {
		struct host_span *span = &spans->list[--at];
		if (span->thread_id != thread_id || span->reach_ns < time_ns)
			return NULL;
		if (span->end_ns >= time_ns)
			return span;
	}
	return NULL;
}
