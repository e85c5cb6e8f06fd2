/* SPDX-License-Identifier: MIT */
#include "viewer-export/tiles_parts.h"

#include "viewer-export/tile_scan.h"

#include <stdlib.h>
#include <string.h>

enum {
	SPOTS = 64,			/* of a table, in one trace */
	SPOTS_ALL = 2048,		/* in all */
	SPOTS_MIN = 8,
	BLOCKS_ALL = 4096,		/* cached, 32 KiB each */
	BLOCKS_MIN = 16,
	POINTS_ALL = 1 << 23,		/* of counters */
	GROUP_BITS = 24,
	FAMILY_BITS = 4,
};

int64_t tiles_track_id(size_t trace, enum span_family family, uint32_t group)
{
	return (int64_t)((uint64_t)trace << (GROUP_BITS + FAMILY_BITS) |
			 (uint64_t)family << GROUP_BITS | group);
}

bool tiles_find_track(struct tiles *tiles, int64_t track, struct tiles_trace **trace,
		      enum span_family *family, uint32_t *group, struct error *error)
{
	uint64_t at = (uint64_t)track >> (GROUP_BITS + FAMILY_BITS);
	uint64_t kind = (uint64_t)track >> GROUP_BITS & ((1 << FAMILY_BITS) - 1);
	*group = (uint32_t)((uint64_t)track & ((1 << GROUP_BITS) - 1));
	if (track < 0 || at >= tiles->count || tiles->traces[at].tiles == NULL ||
	    kind >= FAMILY_GAUGE)
		return fail(error, ERROR_USAGE, "there is no track %lld", (long long)track);
	*trace = &tiles->traces[at];
	*family = (enum span_family)kind;
	(void)pthread_mutex_lock(&(*trace)->tiles->lock);
	if (*group < (*trace)->tiles->survey.groups[kind].count)
		return true;
	(void)pthread_mutex_unlock(&(*trace)->tiles->lock);
	return fail(error, ERROR_USAGE, "there is no track %lld", (long long)track);
}

static size_t share(size_t all, size_t count, size_t least, size_t most)
{
	size_t part = all / (count + (count == 0));
	return part < least ? least : part > most ? most : part;
}

static bool traces_open(struct tiles *tiles, struct trace_set *set, struct error *error)
{
	size_t count = trace_set_count(set);
	struct tile_trace_options options = {
		.spot_count = share(SPOTS_ALL, count, SPOTS_MIN, SPOTS),
		.buckets_bytes_max = TILE_BUCKETS_BYTES_MAX / (count + 1),
		.cached_blocks = share(BLOCKS_ALL, count, BLOCKS_MIN, BLOCKS_ALL),
	};
	size_t opened = 0;
	tiles->traces = calloc(count + 1, sizeof tiles->traces[0]);
	if (tiles->traces == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to show the traces");
	for (tiles->count = 0; tiles->count < count; tiles->count++) {
		struct tiles_trace *trace = &tiles->traces[tiles->count];
		trace->input = trace_set_input(set, tiles->count);
		trace->error = trace->input->error;
		if (trace->input->reader != NULL &&
		    tile_trace_open(&trace->tiles, trace->input->reader, &options, &trace->error))
			opened++;
		if (opened == 0 && error->kind == ERROR_NONE)
			*error = trace->error;
	}
	return opened > 0;
}

/* All traces on one time line, as an export has it. */
static void times_place(struct tiles *tiles)
{
	struct origins origins = { 0 };
	for (size_t i = 0; i < tiles->count; i++) {
		struct tile_trace *trace = tiles->traces[i].tiles;
		if (trace != NULL)
			origin_add_events(origins_find(&origins, &trace->survey), &trace->survey);
	}
	for (size_t i = 0; i < tiles->count; i++) {
		struct tile_trace *trace = tiles->traces[i].tiles;
		if (trace != NULL)
			tiles->traces[i].offset_ns =
				survey_epoch_ns(&trace->survey) -
				origins_find(&origins, &trace->survey)->base_ns;
	}
	tiles->base_ns = origins.unix_time.has_base ? origins.unix_time.base_ns :
						      origins.own_time.base_ns;
}

static void *scan_traces(void *context)
{
	struct tiles *tiles = context;
	for (;;) {
		size_t at = atomic_fetch_add(&tiles->next, 1);
		if (at >= tiles->count * FAMILY_COUNT || atomic_load(&tiles->stop))
			return NULL;
		/* The first part of every trace before the second of any. */
		struct tiles_trace *trace = &tiles->traces[at % tiles->count];
		struct error error = { 0 };
		bool is_last;
		if (trace->tiles == NULL ||
		    !tile_trace_scan(trace->tiles, at / tiles->count, &tiles->stop, &is_last,
				     &error) ||
		    !is_last)
			continue;
		(void)tile_counters_read(&trace->counters, trace->tiles,
					 share(POINTS_ALL, tiles->count, 1024, POINTS_ALL), &error);
		(void)pthread_mutex_lock(&trace->tiles->lock);
		trace->has_counters = true;
		(void)pthread_mutex_unlock(&trace->tiles->lock);
	}
}

static bool threads_start(struct tiles *tiles, size_t count, struct error *error)
{
	tiles->threads = calloc(count + 1, sizeof tiles->threads[0]);
	if (tiles->threads == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to show the traces");
	for (; tiles->thread_count < count; tiles->thread_count++)
		if (pthread_create(&tiles->threads[tiles->thread_count], NULL, scan_traces,
				   tiles) != 0)
			break;
	return tiles->thread_count > 0 || count == 0 ||
	       fail(error, ERROR_SYSTEM, "cannot start a thread to read the traces");
}

bool tiles_open(struct tiles **out, struct trace_set *set, const struct tiles_options *options,
		struct error *error)
{
	struct tiles *tiles = calloc(1, sizeof *tiles);
	*out = tiles;
	if (tiles == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to show the traces");
	bool ok = traces_open(tiles, set, error);
	atomic_store(&tiles->analysis_state,
		     options->awaits_analysis ? ANALYSIS_MAKING : ANALYSIS_NONE);
	if (ok) {
		times_place(tiles);
		ok = threads_start(tiles, options->scan_threads, error);
	}
	if (!ok) {
		tiles_close(tiles);
		*out = NULL;
	}
	return ok;
}

static void *analysis_read(void *context)
{
	struct tiles *tiles = context;
	struct tiles_analysis *analysis = NULL;
	struct error error = { 0 };
	bool ok = tiles_analysis_read(&analysis, tiles, tiles->analysis_path, &error);
	atomic_store(&tiles->analysis, analysis);
	atomic_store(&tiles->analysis_state, ok ? ANALYSIS_SHOWN : ANALYSIS_FAILED);
	return NULL;
}

void tiles_show_analysis(struct tiles *tiles, const char *path)
{
	if (path != NULL)
		tiles->analysis_path = strdup(path);
	atomic_store(&tiles->analysis_state, ANALYSIS_MAKING);
	tiles->has_analysis_thread =
		tiles->analysis_path != NULL &&
		pthread_create(&tiles->analysis_thread, NULL, analysis_read, tiles) == 0;
	if (!tiles->has_analysis_thread)
		atomic_store(&tiles->analysis_state, ANALYSIS_FAILED);
}

void tiles_close(struct tiles *tiles)
{
	if (tiles == NULL)
		return;
	atomic_store(&tiles->stop, true);
	for (size_t i = 0; i < tiles->thread_count; i++)
		(void)pthread_join(tiles->threads[i], NULL);
	if (tiles->has_analysis_thread)
		(void)pthread_join(tiles->analysis_thread, NULL);
	tiles_analysis_free(atomic_load(&tiles->analysis));
	for (size_t i = 0; i < tiles->count; i++) {
		tile_counters_end(&tiles->traces[i].counters);
		tile_trace_close(tiles->traces[i].tiles);
	}
	free(tiles->traces);
	free(tiles->threads);
	free(tiles->analysis_path);
	free(tiles);
}
