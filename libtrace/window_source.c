/* SPDX-License-Identifier: MIT */
#include "libtrace/window_source.h"
#include "base/text.h"
#include "libtrace/capture_window.h"
#include "libtrace/drain_source.h"
#include "libtrace/gap_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/settings.h"

#include <stdbool.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

enum { REASON_BYTES_MAX = 512 };

/* How long the window must have been closed before CUPTI rests: not between two steps. */
static const int64_t rest_after_ns = 1000 * NS_PER_MS;

/* A gap that has lasted so long gets its row at once: a process that is killed writes no other. */
static const int64_t tell_after_ns = 200 * NS_PER_MS;

/* State of the drain thread alone; the window itself is one a process. */
static struct {
	const struct settings *settings;
	struct window_history history;
	int64_t epoch_ns;
	int64_t begun_ns;	/* the drain began: CUDA is used */
	int64_t opened_ns;	/* LAGGARD_DURATION_MS counts from here; -1: not open yet */
	uint32_t unmet;		/* of the gap that lasts, what closed the window */
	bool is_delay_over;
	bool is_gap_told;	/* the gap that lasts has a row */
} source;

static const char all_sources[] = "all";

void window_source_add_reason(struct text *text, uint32_t unmet)
{
	bool is_first = true;
	/* Resting is what follows from the others; alone it says that it lasts for a moment. */
	if ((unmet & ~(UINT32_C(1) << WINDOW_KINDS)) != 0)
		unmet &= ~(UINT32_C(1) << WINDOW_KINDS);
	for (int condition = 0; condition < WINDOW_CONDITION_COUNT; condition++) {
		if ((unmet >> condition & 1) == 0)
			continue;
		if (!is_first)
			text_add(text, "; ");
		text_add(text, window_condition_words((enum window_condition)condition));
		is_first = false;
	}
}

static void gap_write(struct drain *drain, const struct window_stretch *gap)
{
	struct text reason;
	text_begin(&reason, REASON_BYTES_MAX);
	window_source_add_reason(&reason, source.unmet);
	const struct capture_gap_row row = {
		.start_ns = drain_time(drain, gap->start_ns),
		.duration_ns = gap->end_ns - gap->start_ns,
		.source_id = drain_string(drain, all_sources, strlen(all_sources)),
		.reason_id = drain_string(drain, text_string(&reason), reason.length),
	};
	if (row.duration_ns != 0)
		gap_source_put(drain, &row);
	text_end(&reason);
}

/* It lasts: the duration is -1. */
static void open_gap_write(struct drain *drain)
{
	const struct window_stretch gap = { source.history.since_ns, source.history.since_ns - 1 };
	gap_write(drain, &gap);
	source.is_gap_told = true;
}

void window_source_write_open(struct drain *drain, int64_t now_ns)
{
	const struct window_stretch gap = { source.history.since_ns, now_ns };
	if (!source.history.is_open && now_ns > gap.start_ns)
		gap_write(drain, &gap);
}

static void window_begin(struct drain *drain, const struct drain_plan *plan)
{
	(void)drain;
	memset(&source, 0, sizeof source);
	source.settings = plan->settings;
	source.epoch_ns = source.begun_ns = plan->epoch_ns;
	source.opened_ns = -1;
	source.unmet = capture_window_unmet_at_first();
	window_history_begin(&source.history, source.unmet == 0, plan->epoch_ns);
}

const struct window_history *window_source_history(void)
{
	return &source.history;
}

void window_source_take(struct drain *drain)
{
	struct window_edge edge;
	while (capture_window_take_edge(&edge)) {
		struct window_stretch ended =
			window_history_turn(&source.history, edge.is_open, edge.time_ns);
		if (edge.is_open)
			gap_write(drain, &ended);
		source.is_gap_told = false;
		source.unmet = edge.unmet;
	}
	int64_t lost = capture_window_take_lost();
	if (lost != 0)
		drain_loss(drain, "window", "openings and closings too fast to be kept", lost);
}

/* The clock runs from the first moment that is open while CUDA is used. */
static void duration_look(int64_t now_ns)
{
	if (source.settings->duration_ms == 0)
		return;
	if (source.opened_ns < 0 && source.history.is_open)
		source.opened_ns = source.history.since_ns > source.begun_ns
			? source.history.since_ns : source.begun_ns;
	if (source.opened_ns >= 0 &&
	    now_ns - source.opened_ns >= source.settings->duration_ms * NS_PER_MS)
		capture_window_meet(WINDOW_DURATION, false);
}

static void delay_look(int64_t now_ns)
{
	if (source.is_delay_over || source.settings->delay_ms == 0 ||
	    now_ns - source.epoch_ns < source.settings->delay_ms * NS_PER_MS)
		return;
	source.is_delay_over = true;
	capture_window_meet(WINDOW_DELAY, true);
}

/* Reads the edges, and does what the time asks for. */
static void window_pass(struct drain *drain, const struct drain_pass *pass)
{
	int64_t now_ns = pass->began_ns;
	if (source.begun_ns == source.epoch_ns)
		source.begun_ns = now_ns;
	delay_look(now_ns);
	window_source_take(drain);
	duration_look(now_ns);
	window_source_take(drain);
	if (!source.history.is_open && !source.is_gap_told &&
	    now_ns - source.history.since_ns >= tell_after_ns)
		open_gap_write(drain);
	if (!source.history.is_open && now_ns - source.history.since_ns >= rest_after_ns)
		capture_window_rest();
}

/* How long until a condition changes by itself. */
static int64_t window_due(struct drain *drain)
{
	(void)drain;
	const struct settings *settings = source.settings;
	int64_t now_ns = realtime_ns();
	int64_t due_ns = INT64_MAX;
	if (settings->delay_ms != 0 && !source.is_delay_over)
		due_ns = source.epoch_ns + settings->delay_ms * NS_PER_MS - now_ns;
	if (settings->duration_ms != 0 && source.opened_ns >= 0 && source.history.is_open) {
		int64_t left_ns = source.opened_ns + settings->duration_ms * NS_PER_MS - now_ns;
		due_ns = left_ns < due_ns ? left_ns : due_ns;
	}
	return due_ns;
}

void window_source_start(void)
{
	source.opened_ns = -1;
	capture_window_meet(WINDOW_DURATION, true);
	capture_window_meet(WINDOW_START, true);
	capture_window_meet(WINDOW_CONTROL, true);
}

void window_source_stop(void)
{
	capture_window_meet(WINDOW_CONTROL, false);
}

struct window_status window_source_status(void)
{
	return (struct window_status){
		.unmet = capture_window_unmet(), .since_ns = source.history.since_ns,
		.gap_count = source.history.gap_count, .gap_ns = source.history.gap_ns,
	};
}

/* The last gap. */
static void window_finish(struct drain *drain, int64_t stop_ns)
{
	window_source_take(drain);
	if (!source.history.is_open) {
		int64_t end_ns = source.epoch_ns + stop_ns;
		struct window_stretch gap = {
			source.history.since_ns,
			end_ns > source.history.since_ns ? end_ns : source.history.since_ns,
		};
		gap_write(drain, &gap);
	}
}

const struct drain_source drain_source_window = {
	.name = "window", .begin = window_begin, .pass = window_pass, .due = window_due,
	.finish = window_finish,
};
