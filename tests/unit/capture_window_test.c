/* SPDX-License-Identifier: MIT */
#include "libtrace/capture_window.h"
#include "libtrace/control_path.h"
#include "libtrace/nvtx_level.h"
#include "libtrace/window_history.h"
#include "libtrace/window_watch.h"
#include "tests/unit/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int switches, switchers;
static atomic_bool is_nested, changes_mind;

/* What CUPTI would be told; two threads must never tell it at the same time. */
static void switch_kinds(bool is_on)
{
	if (atomic_fetch_add(&switchers, 1) > 0)
		atomic_store(&is_nested, true);
	atomic_fetch_add(&switches, is_on ? 1 : -1);
	if (atomic_exchange(&changes_mind, false))
		capture_window_meet(WINDOW_CONTROL, !is_on);
	atomic_fetch_sub(&switchers, 1);
}

static void window_begin(const char *steps, const char *range)
{
	static struct settings settings;
	settings_read(&settings, NULL);
	settings.steps.is_given = steps[0] != 0;
	(void)snprintf(settings.range, sizeof settings.range, "%s", range);
	window_watch_begin(&settings);
	capture_window_begin(&settings, switch_kinds);
}

static struct window_edge edge_take(void)
{
	struct window_edge edge = { .time_ns = -1 };
	CHECK(capture_window_take_edge(&edge));
	return edge;
}

TEST(a_window_opens_when_all_conditions_are_met_and_says_which_was_not)
{
	struct window_edge edge;
	window_begin("3", "");
	CHECK(!capture_window_is_open());
	CHECK_INT(capture_window_unmet_at_first(), 1u << WINDOW_STEPS);
	capture_window_meet(WINDOW_CONTROL, false);
	capture_window_meet(WINDOW_STEPS, true);
	CHECK(!capture_window_is_open());
	CHECK(!capture_window_take_edge(&edge));
	capture_window_meet(WINDOW_CONTROL, true);
	CHECK(capture_window_is_open());
	capture_window_meet(WINDOW_CONTROL, true);
	int64_t opened_ns = edge_take().time_ns;
	capture_window_meet(WINDOW_DURATION, false);
	edge = edge_take();
	CHECK(!edge.is_open);
	CHECK_INT(edge.unmet, 1u << WINDOW_DURATION);
	CHECK(edge.time_ns >= opened_ns);
	CHECK(!capture_window_take_edge(&edge));
	CHECK_INT(switches, 0);
}

TEST(ranges_are_counted)
{
	window_begin("", "x");
	capture_window_count_range(-1);		/* an end without a begin opens nothing */
	capture_window_count_range(1);
	capture_window_count_range(1);
	capture_window_count_range(-1);
	CHECK(capture_window_is_open());
	capture_window_count_range(-1);
	CHECK(!capture_window_is_open());
	CHECK(edge_take().is_open);
	CHECK_INT(edge_take().unmet, 1u << WINDOW_RANGE);
}

TEST(records_are_switched_off_only_while_nobody_wants_them)
{
	struct window_edge edge;
	window_begin("", "");
	capture_window_rest();
	CHECK_INT(switches, 0);
	capture_window_meet(WINDOW_CONTROL, false);
	capture_window_rest();
	capture_window_rest();
	CHECK_INT(switches, -1);
	(void)edge_take();
	capture_window_meet(WINDOW_CONTROL, true);
	CHECK_INT(switches, 0);		/* on again before the window opened */
	CHECK(edge_take().is_open);
	/* Somebody opens while they are being switched off: then they come on at once. */
	capture_window_meet(WINDOW_CONTROL, false);
	atomic_store(&changes_mind, true);
	capture_window_rest();
	CHECK_INT(switches, 0);
	CHECK(capture_window_is_open());
	/* Somebody closes while they are being switched on: it does not open. */
	capture_window_meet(WINDOW_CONTROL, false);
	capture_window_rest();
	while (capture_window_take_edge(&edge))
		;
	atomic_store(&changes_mind, true);
	capture_window_meet(WINDOW_CONTROL, true);
	CHECK(!capture_window_is_open());
	CHECK(!capture_window_take_edge(&edge));
	CHECK_INT(switches, 0);
}

TEST(after_its_end_a_window_never_changes)
{
	struct window_edge edge;
	window_begin("", "x");
	capture_window_end();
	CHECK_INT(capture_window_flags(), 0);
	capture_window_count_range(1);
	capture_window_meet(WINDOW_RANGE, true);
	capture_window_rest();
	CHECK(!capture_window_is_open());
	CHECK(!capture_window_take_edge(&edge));
	CHECK_INT(switches, 0);
}

enum { TOGGLERS = 4, TOGGLES = 20000 };

static void *toggle(void *context)
{
	enum window_condition condition = *(const enum window_condition *)context;
	for (int i = 0; i < TOGGLES; i++)
		capture_window_meet(condition, i % 2 == 1);
	return NULL;
}

TEST(edges_alternate_whatever_many_threads_do)
{
	static const enum window_condition conditions[TOGGLERS] = {
		WINDOW_CONTROL, WINDOW_DURATION, WINDOW_PROFILER, WINDOW_CONTROL,
	};
	pthread_t threads[TOGGLERS];
	struct window_history history;
	struct window_edge edge;
	bool is_open = true;
	window_begin("", "");
	window_history_begin(&history, true, 0);
	for (int i = 0; i < TOGGLERS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, toggle,
					 (void *)(uintptr_t)&conditions[i]),
			  0);
	for (int round = 0, ended = 0; ended < TOGGLERS || round < 2; round++) {
		if (round % 64 == 63 && ended < TOGGLERS)
			CHECK_INT(pthread_join(threads[ended++], NULL), 0);
		capture_window_rest();
		while (capture_window_take_edge(&edge)) {
			CHECK(edge.is_open != is_open);
			is_open = edge.is_open;
			(void)window_history_turn(&history, is_open, edge.time_ns);
		}
	}
	while (capture_window_take_edge(&edge))
		is_open = edge.is_open;
	CHECK(is_open && capture_window_is_open());
	CHECK(!is_nested);
	CHECK_INT(switches, 0);
	window_history_end(&history);
}

TEST(edges_that_come_too_fast_are_counted)
{
	struct window_edge edge;
	int64_t taken = 0;
	window_begin("", "");
	for (int i = 0; i < 20000; i++)
		capture_window_meet(WINDOW_CONTROL, i % 2 == 1);
	for (bool is_open = true; capture_window_take_edge(&edge); taken++) {
		CHECK(edge.is_open != is_open);
		is_open = edge.is_open;
	}
	CHECK_INT(taken + capture_window_take_lost(), 20000);
	CHECK(taken >= 4000);
}

TEST(a_record_belongs_to_the_window_if_any_part_of_it_does)
{
	struct window_history history;
	window_history_begin(&history, false, 0);
	CHECK(!window_history_has(&history, 50, 60));
	(void)window_history_turn(&history, true, 100);
	(void)window_history_turn(&history, false, 200);
	struct window_stretch gap = window_history_turn(&history, true, 300);
	CHECK_INT(gap.start_ns, 200);
	CHECK_INT(gap.end_ns, 300);
	static const struct { int64_t start_ns, end_ns; bool is_in; } records[] = {
		{ 0, 100, false }, { 0, 101, true }, { 99, 99, false }, { 100, 100, true },
		{ 100, 200, true }, { 199, 250, true }, { 200, 200, false }, { 200, 300, false },
		{ 250, 260, false }, { 250, 301, true }, { 300, 300, true }, { 150, 350, true },
		{ 50, 400, true }, { 1000, 2000, true },
	};
	for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
		CHECK_INT(window_history_has(&history, records[i].start_ns, records[i].end_ns),
			  records[i].is_in);
	/* Stamps of two threads may be in the wrong order: then the stretch has no length. */
	gap = window_history_turn(&history, false, 250);
	CHECK_INT(gap.end_ns, 300);
	(void)window_history_turn(&history, true, 310);
	CHECK(!window_history_has(&history, 300, 310));
	CHECK_INT(history.gap_count, 3);
	CHECK_INT(history.gap_ns, 100 + 100 + 10);
	window_history_end(&history);
}

TEST(a_long_history_forgets_the_oldest_gaps_and_keeps_what_lies_in_them)
{
	struct window_history history;
	window_history_begin(&history, true, 0);
	for (int64_t i = 0; i < WINDOW_STRETCHES_KEPT + 10; i++) {
		(void)window_history_turn(&history, false, i * 100 + 50);
		(void)window_history_turn(&history, true, i * 100 + 100);
	}
	CHECK(window_history_has(&history, 960, 970));		/* the tenth, forgotten */
	CHECK(!window_history_has(&history, 1060, 1070));	/* the eleventh */
	CHECK(window_history_has(&history, 1010, 1020));
	CHECK(!window_history_has(&history, 100 * WINDOW_STRETCHES_KEPT + 960,
				  100 * WINDOW_STRETCHES_KEPT + 970));
	window_history_end(&history);
}

static bool matches(const char *pattern, const char *name)
{
	return window_pattern_matches(pattern, strlen(pattern), name, strlen(name));
}

TEST(patterns_match_a_name_or_its_begin)
{
	CHECK(matches("step", "step"));
	CHECK(!matches("step", "step 3") && !matches("step", "ste") && !matches("", "x"));
	CHECK(matches("step*", "step") && matches("step*", "step 3") && matches("*", ""));
	CHECK(!matches("step*", "Step 3") && !matches("a*b", "axb"));
}

TEST(a_push_leaves_its_marks_for_its_pop)
{
	unsigned marks;
	CHECK_INT(nvtx_level_push(0, NVTX_RANGE_RECORDED), 0);
	CHECK_INT(nvtx_level_push(7, WATCHED_STEP), 0);
	CHECK_INT(nvtx_level_push(0, 0), 1);
	CHECK_INT(nvtx_level_push(0, WATCHED_RANGE | NVTX_RANGE_RECORDED), 2);
	CHECK_INT(nvtx_level_pop(0, &marks), 2);
	CHECK_INT(marks, WATCHED_RANGE | NVTX_RANGE_RECORDED);
	CHECK_INT(nvtx_level_pop(0, &marks), 1);
	CHECK_INT(marks, 0);
	CHECK_INT(nvtx_level_pop(7, &marks), 0);
	CHECK_INT(marks, WATCHED_STEP);
	CHECK_INT(nvtx_level_pop(0, &marks), 0);
	CHECK_INT(marks, NVTX_RANGE_RECORDED);
	CHECK_INT(nvtx_level_pop(0, &marks), -1);
	CHECK_INT(marks, NVTX_RANGE_RECORDED);	/* so that it is logged, and counted */
	for (int i = 0; i < 70; i++)
		CHECK_INT(nvtx_level_push(0, 0), i);
	for (int i = 69; i >= 0; i--) {
		CHECK_INT(nvtx_level_pop(0, &marks), i);
		CHECK_INT(marks, i >= 64 ? NVTX_RANGE_RECORDED : 0);
	}
}

TEST(names_of_control_sockets_say_whose_they_are)
{
	char path[CONTROL_PATH_MAX];
	int64_t pid, started;
	CHECK(control_socket_name(path, "/run", 4711, 99));
	CHECK_TEXT(path, "/run/4711-99.control");
	CHECK(control_socket_parse("4711-99.control", &pid, &started));
	CHECK_INT(pid, 4711);
	CHECK_INT(started, 99);
	static const char *const others[] = {
		"", "x", "4711", "4711-", "4711-99", "-4711-99.control", "4711-99.controls",
		"4711-99999999999999999999.control", " 4711-99.control", "4711--99.control",
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		CHECK(!control_socket_parse(others[i], &pid, &started));
	char longer[CONTROL_PATH_MAX + 1];
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	CHECK(!control_socket_name(path, longer, 1, 1));
	CHECK(process_started(getpid()) > 0);
	CHECK_INT(process_started(INT64_C(1) << 40), -1);
}

TEST(a_folder_that_others_can_enter_holds_no_control_socket)
{
	struct error error;
	char folder[CONTROL_PATH_MAX];
	const char *runtime = test_path("run");
	CHECK(mkdir(runtime, 0700) == 0);
	CHECK(control_folder_name(folder, 0, runtime, getuid()));
	CHECK_OK(control_folder_make(folder, runtime, getuid(), &error), error);
	CHECK_OK(control_folder_is_safe(folder, getuid(), &error), error);
	CHECK(!control_folder_is_safe(folder, getuid() + 1, &error));
	CHECK(chmod(folder, 0710) == 0);
	CHECK(!control_folder_is_safe(folder, getuid(), &error));
	CHECK_CONTAINS(error.message, "not this user's alone");
	CHECK(chmod(folder, 0700) == 0 && rename(folder, test_path("real")) == 0);
	CHECK(symlink(test_path("real"), folder) == 0);
	CHECK(!control_folder_is_safe(folder, getuid(), &error));
	CHECK_CONTAINS(error.message, "is no folder");
	CHECK(!control_folder_name(folder, 0, "relative", getuid()));
	CHECK(!control_folder_name(folder, 0, NULL, getuid()));
}
