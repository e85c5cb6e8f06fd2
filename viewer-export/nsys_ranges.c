/* SPDX-License-Identifier: MIT */
/* Ranges and marks of the host: NVTX_EVENTS. */
#include "viewer-export/export.h"
#include "viewer-export/nsys_session.h"

#include "tracedb/vocabulary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A row of NVTX_EVENTS; what is not set is NULL. */
struct nvtx_event {
	int64_t start;
	bool has_end;
	int64_t end;
	int64_t type;
	int64_t category;	/* 0: none */
	int64_t color;		/* 0: none */
	const char *text;
	int64_t tid;
	int64_t end_tid;	/* 0: the same thread */
	int64_t domain;
	const char *payload;	/* "": none */
};

/* A whole number that 64 bits hold, written in the only way there is for it. */
static bool payload_is_integer(const char *payload, int64_t *value)
{
	char text[24], *end;
	errno = 0;
	*value = strtoimax(payload, &end, 10);
	(void)snprintf(text, sizeof text, "%" PRId64, *value);
	return errno == 0 && *end == 0 && strcmp(text, payload) == 0;
}

static bool event_put(struct nsys_session *session, const struct nvtx_event *event,
		      struct error *error)
{
	int64_t number = 0;
	bool is_number = event->payload != NULL && payload_is_integer(event->payload, &number);
	bool is_json = event->payload != NULL && event->payload[0] != 0 && !is_number;
	const struct nsys_cell cells[] = {
		CELL_OF(event->start), event->has_end ? CELL_OF(event->end) : CELL_NONE,
		CELL_OF(event->type),
		CELL_NONE,			/* rangeId */
		nsys_cell_or_null(event->category, 0), nsys_cell_or_null(event->color, 0),
		CELL_OF_TEXT(event->text), CELL_OF(event->tid),
		nsys_cell_or_null(event->end_tid, 0),
		CELL_NONE,			/* textId */
		CELL_OF(event->domain),
		CELL_NONE, is_number ? CELL_OF(number) : CELL_NONE, CELL_NONE, CELL_NONE,
		CELL_NONE, CELL_NONE,
		CELL_NONE, is_json ? CELL_OF_TEXT(event->payload) : CELL_NONE,
		CELL_NONE,			/* binaryData */
	};
	return NSYS_PUT(session->writer, NSYS_NVTX, cells, error);
}

/* Domain 0 has no name; others are numbered from 1 and told by a row of their own. */
static bool domain_of(struct nsys_session *session, struct nsys_trace *trace, int64_t string_id,
		      int64_t tid, int64_t *domain, struct error *error)
{
	const char *name = trace_reader_string(trace->reader, string_id);
	*domain = 0;
	if (name[0] == 0 || id_map_get(&trace->domains, (uint64_t)string_id, domain))
		return true;
	*domain = (int64_t)trace->domains.used + 1;
	if (!id_map_put(&trace->domains, (uint64_t)string_id, *domain))
		return nsys_trace_no_memory(trace, error);
	const struct nvtx_event event = {
		.type = NSYS_NVTX_DOMAIN, .text = name, .tid = tid, .domain = *domain,
	};
	return event_put(session, &event, error);
}

/* Categories belong to a domain. */
static bool category_of(struct nsys_session *session, struct nsys_trace *trace, int64_t domain,
			int64_t string_id, int64_t tid, int64_t *category, struct error *error)
{
	const int64_t key[2] = { domain, string_id };
	const char *name = trace_reader_string(trace->reader, string_id);
	*category = 0;
	if (name[0] == 0 || bytes_map_get(&trace->categories, key, sizeof key, category))
		return true;
	*category = (int64_t)trace->categories.used + 1;
	if (!bytes_map_put(&trace->categories, key, sizeof key, *category))
		return nsys_trace_no_memory(trace, error);
	const struct nvtx_event event = {
		.type = NSYS_NVTX_CATEGORY, .text = name, .tid = tid, .domain = domain,
		.category = *category,
	};
	return event_put(session, &event, error);
}

static bool put_range(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		      struct error *error)
{
	const struct range_row *range = row;
	struct nvtx_event event = {
		.has_end = range->is_open != 1,
		.type = range->kind == RANGE_START_END ? NSYS_NVTX_START_END : NSYS_NVTX_PUSH_POP,
		.color = range->color,
		.text = trace_reader_string(trace->reader, range->name_id),
		.payload = trace_reader_string(trace->reader, range->payload_id),
	};
	if (!nsys_span(trace, range->start_ns, range->duration_ns, &event.start, &event.end))
		return true;
	if (!nsys_trace_thread(trace, range->thread_id, &event.tid, error) ||
	    (range->end_thread_id != range->thread_id && range->end_thread_id != 0 &&
	     !nsys_trace_thread(trace, range->end_thread_id, &event.end_tid, error)))
		return false;
	return domain_of(session, trace, range->domain_id, event.tid, &event.domain, error) &&
	       category_of(session, trace, event.domain, range->category_id, event.tid,
			   &event.category, error) &&
	       event_put(session, &event, error);
}

static bool put_mark(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		     struct error *error)
{
	const struct mark_row *mark = row;
	struct nvtx_event event = {
		.type = NSYS_NVTX_MARK,
		.color = mark->color,
		.text = trace_reader_string(trace->reader, mark->name_id),
		.payload = trace_reader_string(trace->reader, mark->payload_id),
	};
	if (!nsys_span(trace, mark->time_ns, 0, &event.start, &event.end))
		return true;
	return nsys_trace_thread(trace, mark->thread_id, &event.tid, error) &&
	       domain_of(session, trace, mark->domain_id, event.tid, &event.domain, error) &&
	       category_of(session, trace, event.domain, mark->category_id, event.tid,
			   &event.category, error) &&
	       event_put(session, &event, error);
}

bool nsys_put_ranges(struct nsys_session *session, struct nsys_trace *trace, struct error *error)
{
	return (session->set->kinds & EXPORT_RANGES) == 0 ||
	       (nsys_walk(session, trace, TABLE_range, put_range, error) &&
		nsys_walk(session, trace, TABLE_mark, put_mark, error));
}
