/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_watch.h"

bool cupti_watch_flushed(struct cupti_watch *watch, uint64_t calls, bool is_host_busy,
			 int64_t now_ns)
{
	if (calls != watch->calls || watch->quiet_since_ns == 0) {
		watch->calls = calls;
		watch->quiet_since_ns = now_ns;
		watch->quiet_flushes = 0;
		watch->is_host_busy = false;
		return false;
	}
	watch->is_host_busy |= is_host_busy;
	if (++watch->quiet_flushes < WATCH_FLUSHES)
		return false;
	watch->quiet_flushes = 0;
	return true;
}

static void gap_add(struct cupti_watch *watch, int64_t end_ns)
{
	/* The last one takes what has no place of its own. */
	if (watch->gap_count == WATCH_GAPS_MAX) {
		watch->gaps[WATCH_GAPS_MAX - 1].end_ns = end_ns;
		return;
	}
	watch->gaps[watch->gap_count++] = (struct cupti_watch_gap){
		.start_ns = watch->quiet_since_ns, .end_ns = end_ns,
		.is_certain = watch->is_host_busy,
	};
}

bool cupti_watch_suspects(struct cupti_watch *watch, int64_t buffers_out, int64_t now_ns)
{
	bool is_suspect = buffers_out > watch->buffers_out || watch->is_host_busy;
	if (is_suspect)
		gap_add(watch, now_ns);
	watch->buffers_out = buffers_out;
	watch->is_host_busy = false;
	watch->quiet_since_ns = now_ns;
	return is_suspect;
}

int cupti_watch_finish(struct cupti_watch *watch, int64_t buffers_out)
{
	int kept = 0;
	/* Else a kernel ran on and on, and its buffer came in the end. */
	for (int i = 0; i < watch->gap_count; i++)
		if (watch->gaps[i].is_certain ||
		    (buffers_out > 0 && buffers_out >= watch->buffers_out))
			watch->gaps[kept++] = watch->gaps[i];
	watch->gap_count = kept;
	if (buffers_out > watch->buffers_out)
		gap_add(watch, -1);
	return watch->gap_count;
}
