/* SPDX-License-Identifier: MIT */
#include "viewer-export/parts.h"

#include "viewer-export/output.h"

#include <inttypes.h>
#include <string.h>

void parts_measure_begin(struct parts_measure *measure)
{
	memset(measure, 0, sizeof *measure);
	measure->width_ns = 1000;
}

static void measure_widen(struct parts_measure *measure)
{
	for (size_t i = 0; i < PART_BUCKETS / 2; i++)
		measure->bytes[i] = measure->bytes[2 * i] + measure->bytes[2 * i + 1];
	memset(&measure->bytes[PART_BUCKETS / 2], 0,
	       PART_BUCKETS / 2 * sizeof measure->bytes[0]);
	measure->width_ns *= 2;
}

static void measure_add(struct parts_measure *measure, int64_t time_ns, int64_t bytes)
{
	while (time_ns / measure->width_ns >= PART_BUCKETS)
		measure_widen(measure);
	measure->bytes[time_ns / measure->width_ns] += bytes;
}

bool parts_plan_make(struct parts_plan *plan, const struct parts_measure *measure,
		     int64_t max_bytes, struct error *error)
{
	int64_t room = max_bytes - measure->timeless_bytes, used = 0;
	*plan = (struct parts_plan){ .count = 1 };
	for (size_t i = 0; i < PART_BUCKETS; i++) {
		int64_t bytes = measure->bytes[i];
		if (bytes > room)
			return fail(error, ERROR_USAGE,
				    "a file of %" PRId64 " bytes is too small: %" PRId64
				    " are needed for what starts within one microsecond, or for "
				    "the names of processes and tracks",
				    max_bytes, bytes + measure->timeless_bytes);
		if (used + bytes > room) {
			if (plan->count == PARTS_MAX)
				return fail(error, ERROR_USAGE,
					    "files of %" PRId64 " bytes would be more than %d",
					    max_bytes, PARTS_MAX);
			plan->borders[plan->count++ - 1] = (int64_t)i * measure->width_ns;
			used = 0;
		}
		used += bytes;
	}
	return true;
}

bool part_path(struct text *path, const char *output, const char *extension, size_t number)
{
	const char *slash = strrchr(output, '/');
	const char *name = slash == NULL ? output : slash + 1;
	size_t length = strlen(name), tail = length;
	size_t size = strlen(extension);
	if (tail > 3 && strcmp(name + tail - 3, ".gz") == 0)
		tail -= 3;
	if (tail > size && memcmp(name + tail - size, extension, size) == 0)
		tail -= size;
	else if (tail == length && strrchr(name, '.') > name)
		tail = (size_t)(strrchr(name, '.') - name);
	text_add_bytes(path, output, (size_t)(name - output) + tail);
	text_add_format(path, ".%lu%s", (unsigned long)number, name + tail);
	return text_is_ok(path);
}

static int64_t stream_bytes(const struct export_stream *stream)
{
	return output_bytes(stream->output) + (int64_t)stream->text.length;
}

/* The part in which a time lies. */
static size_t part_at(const struct parts *parts, int64_t time_ns)
{
	size_t at = 0;
	while (parts->plan != NULL && at + 1 < parts->plan->count &&
	       time_ns >= parts->plan->borders[at])
		at++;
	return at;
}

static size_t part_count(const struct parts *parts)
{
	return parts->plan == NULL ? 1 : parts->plan->count;
}

static bool parts_begin(struct export_stream *stream, const struct export_head *head,
			struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++) {
		struct export_head own = *head;
		own.part = i + 1;
		own.part_count = part_count(parts);
		if (!parts->format->begin(&parts->streams[i], &own, error))
			return false;
	}
	return true;
}

static bool parts_process(struct export_stream *stream, const struct export_process *process,
			  struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++) {
		parts->summaries[i].processes++;
		if (!parts->format->process(&parts->streams[i], process, error))
			return false;
	}
	return true;
}

static bool parts_track(struct export_stream *stream, const struct export_track *track,
			struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++) {
		parts->summaries[i].tracks++;
		if (!parts->format->track(&parts->streams[i], track, error))
			return false;
	}
	return true;
}

static void parts_labels_forget(struct export_stream *stream)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++)
		parts->format->labels_forget(&parts->streams[i]);
}

/* All streams are given the same labels in the same order, so that all give the same handles. */
static size_t parts_label_find(struct export_stream *stream, uint64_t key)
{
	struct parts *parts = stream->state;
	return parts->format->label_find(&parts->streams[0], key);
}

static bool parts_label_add(struct export_stream *stream, uint64_t key,
			    const struct export_label *label, size_t *handle, struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = part_count(parts); i-- > 0;)
		if (!parts->format->label_add(&parts->streams[i], key, label, handle, error))
			return false;
	return true;
}

/* What an event of this time added to the file, for the measure. */
static bool measured(struct parts *parts, int64_t time_ns, int64_t before, bool ok)
{
	if (ok && parts->measure != NULL)
		measure_add(parts->measure, time_ns, stream_bytes(&parts->streams[0]) - before);
	return ok;
}

static bool parts_slice(struct export_stream *stream, const struct export_slice *slice,
			struct error *error)
{
	struct parts *parts = stream->state;
	size_t at = part_at(parts, slice->start_ns);
	int64_t before = stream_bytes(&parts->streams[at]);
	parts->summaries[at].slices++;
	return measured(parts, slice->start_ns, before,
			parts->format->slice(&parts->streams[at], slice, error));
}

static bool parts_instant(struct export_stream *stream, const struct export_instant *instant,
			  struct error *error)
{
	struct parts *parts = stream->state;
	size_t at = part_at(parts, instant->time_ns);
	int64_t before = stream_bytes(&parts->streams[at]);
	parts->summaries[at].instants++;
	return measured(parts, instant->time_ns, before,
			parts->format->instant(&parts->streams[at], instant, error));
}

static bool parts_counter(struct export_stream *stream, const struct export_counter *counter,
			  struct error *error)
{
	struct parts *parts = stream->state;
	size_t at = part_at(parts, counter->time_ns);
	int64_t before = stream_bytes(&parts->streams[at]);
	parts->summaries[at].counters++;
	return measured(parts, counter->time_ns, before,
			parts->format->counter(&parts->streams[at], counter, error));
}

static bool parts_flow(struct export_stream *stream, const struct export_flow *flow,
		       struct error *error)
{
	struct parts *parts = stream->state;
	size_t at = part_at(parts, flow->from_ns);
	if (at != part_at(parts, flow->to_start_ns)) {
		parts->flows_across++;
		return true;
	}
	int64_t before = stream_bytes(&parts->streams[at]);
	parts->summaries[at].flows++;
	return measured(parts, flow->from_ns, before,
			parts->format->flow(&parts->streams[at], flow, error));
}

static bool parts_analysis(struct export_stream *stream, const struct export_analysis *analysis,
			   struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; parts->format->analysis != NULL && i < part_count(parts); i++)
		if (!parts->format->analysis(&parts->streams[i], analysis, error))
			return false;
	return true;
}

static bool parts_end(struct export_stream *stream, const struct export_summary *summary,
		      struct error *error)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++) {
		struct export_summary *own = &parts->summaries[i];
		own->launches_unknown = summary->launches_unknown;
		own->flows_reversed = summary->flows_reversed;
		own->spans_crowded = summary->spans_crowded;
		own->waits_unplaced = summary->waits_unplaced;
		own->flows_across = parts->flows_across;
		if (!parts->format->end(&parts->streams[i], own, error))
			return false;
	}
	if (parts->measure != NULL) {
		int64_t all = stream_bytes(&parts->streams[0]);
		for (size_t i = 0; i < PART_BUCKETS; i++)
			all -= parts->measure->bytes[i];
		/* Which part it is will be said, too. */
		parts->measure->timeless_bytes = all + 256;
	}
	return true;
}

static void parts_free(struct export_stream *stream)
{
	struct parts *parts = stream->state;
	for (size_t i = 0; i < part_count(parts); i++)
		parts->format->free(&parts->streams[i]);
}

const struct export_format parts_format = {
	.name = "parts",
	.begin = parts_begin,
	.process = parts_process,
	.track = parts_track,
	.labels_forget = parts_labels_forget,
	.label_find = parts_label_find,
	.label_add = parts_label_add,
	.slice = parts_slice,
	.instant = parts_instant,
	.counter = parts_counter,
	.flow = parts_flow,
	.analysis = parts_analysis,
	.end = parts_end,
	.free = parts_free,
};
