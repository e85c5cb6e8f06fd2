/* SPDX-License-Identifier: MIT */
#include "libtrace/drain_private.h"
#include "libtrace/host_facts.h"
#include "libtrace/trace_facts.h"
#include "tracedb/descriptor_guard.h"

#define CLOCK_STEP_NS INT64_C(2000000)	/* no clock is slewed that far between two passes */

static void clocks_note(struct drain *drain)
{
	struct clock_triple clocks = clock_triple_read();
	struct clock_row row = {
		.realtime_ns = drain_time(drain, clocks.realtime_ns),
		.monotonic_ns = clocks.monotonic_ns, .boottime_ns = clocks.boottime_ns,
	};
	drain_put(drain, TABLE_clock, &row);
}

/*
 * Somebody set the wall clock: what spans that moment has a wrong duration. The clocks just before
 * (at most a second ago) and just after stand in their table.
 */
static void clock_watch(struct drain *drain)
{
	int64_t wall_ns = realtime_ns() - monotonic_ns();
	int64_t step_ns = wall_ns - drain->wall_ns;
	bool is_first = drain->wall_ns == 0;
	if (!is_first && step_ns < CLOCK_STEP_NS && step_ns > -CLOCK_STEP_NS)
		return;
	/* Or we were interrupted between the two readings. */
	struct clock_triple clocks = clock_triple_read();
	wall_ns = clocks.realtime_ns - clocks.monotonic_ns;
	step_ns = wall_ns - drain->wall_ns;
	drain->wall_ns = wall_ns;
	if (is_first || (step_ns < CLOCK_STEP_NS && step_ns > -CLOCK_STEP_NS))
		return;
	clocks_note(drain);
	drain_loss(drain, "clock", "the wall clock was set: durations across it are wrong", 0);
}

static void facts_begin(struct drain *drain, const struct drain_plan *plan)
{
	trace_facts_begin(drain->recorder, plan);
}

static void facts_pass(struct drain *drain, const struct drain_pass *pass)
{
	clock_watch(drain);
	if (!pass->is_second)
		return;
	clocks_note(drain);
	trace_facts_add_thread_names(drain->recorder, drain->threads_named);
	drain->threads_named = recorder_thread_count(drain->recorder);
	/* Libraries come late, but ever more rarely. */
	if (drain->seconds++ >= drain->versions_due_s) {
		trace_facts_add_versions(drain->recorder);
		drain->versions_due_s = drain->versions_due_s * 2 + 1;
	}
}

static void facts_finish(struct drain *drain, int64_t stop_ns)
{
	(void)stop_ns;
	trace_facts_add_thread_names(drain->recorder, 0);
	clocks_note(drain);
}

/* The program closed what was ours, or the file system is a poor one: a reader should know. */
static void facts_tell(struct drain *drain)
{
	if (descriptor_guard_reopened() != 0)
		drain_loss(drain, "drain", "the program closed our files: opened again", 0);
	if (descriptor_guard_lacks_locks())
		drain_loss(drain, "drain", "the file system has no locks: none were taken", 0);
	if (!drain->is_guarded)
		drain_loss(drain, "drain", "this SQLite cannot be kept off the program's files", 0);
}

const struct drain_source drain_source_facts = {
	.name = "drain", .begin = facts_begin, .pass = facts_pass, .finish = facts_finish,
	.tell = facts_tell,
};
