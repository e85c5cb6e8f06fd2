/* SPDX-License-Identifier: MIT */
/* What samples of the host say about idle time: rows and numbers made by hand. */
#include "analyzer/host_detail.h"
#include "analyzer/ratio.h"
#include "analyzer/report.h"

#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/vocabulary.h"

#include <string.h>

enum { MS = 1000000, THREAD = 7, OTHER = 8 };

static struct error error;

/* Samples of THREAD in order; counters as given. */
struct hand {
	int64_t thread_id[8], time_ns[8], cpu_ns[8], run_delay_ns[8];
	uint32_t wait[8], state[8];
	struct host_samples samples;
};

static const struct host_samples *hand_close(struct hand *hand, size_t count, int64_t period_ns)
{
	hand->samples = (struct host_samples){
		.count = count, .thread_id = hand->thread_id, .time_ns = hand->time_ns,
		.cpu_ns = hand->cpu_ns, .run_delay_ns = hand->run_delay_ns,
		.wait = hand->wait, .state = hand->state, .period_ns = period_ns,
	};
	for (size_t i = 0; i < count; i++)
		if (hand->thread_id[i] == 0)
			hand->thread_id[i] = THREAD;
	return &hand->samples;
}

TEST(a_sample_speaks_for_the_time_around_it_and_no_further)
{
	struct hand hand = { .time_ns = { 50, 100, 110 }, .state = { 'S', 'D', 'S' },
			     .wait = { 1, 2, 3 } };
	struct host_detail detail = { 0 };
	/* Of [60, 200): 100 is in it and reaches 10 back and to 105, 110 from there to 120. */
	host_detail_add(&detail, hand_close(&hand, 3, 10), THREAD, 60, 200);
	CHECK_INT(detail.asked_ns, 140);
	CHECK_INT(detail.seen_ns, 30);
	CHECK_INT(detail.samples, 2);
	CHECK_INT(detail.ns[HOST_DEVICE], 15);
	CHECK_INT(detail.ns[HOST_ASLEEP], 15);
	CHECK_INT((int64_t)detail.wait_count, 2);
}

TEST(a_piece_without_a_sample_in_it_is_asked_and_not_seen)
{
	struct hand hand = { .time_ns = { 100, 200 }, .state = { 'S', 'S' } };
	const struct host_samples *samples = hand_close(&hand, 2, 100);
	struct host_detail detail = { 0 };
	host_detail_add(&detail, samples, THREAD, 110, 190);
	host_detail_add(&detail, samples, THREAD, 101, 200);	/* half open */
	host_detail_add(&detail, samples, OTHER, 90, 210);	/* another thread's */
	CHECK_INT(detail.asked_ns, 80 + 99 + 120);
	CHECK_INT(detail.seen_ns, 0);
	CHECK_INT(detail.samples, 0);
	host_detail_add(&detail, samples, THREAD, 100, 101);
	CHECK_INT(detail.seen_ns, 1);
}

TEST(a_runnable_thread_ran_or_waited_for_a_cpu_as_its_counters_say)
{
	struct hand hand = {
		.time_ns = { 0, 100, 200 }, .state = { 'R', 'R', 'R' },
		.cpu_ns = { 1000, 1020, 1040 }, .run_delay_ns = { 500, 560, 660 },
	};
	struct host_detail detail = { 0 };
	/* From 0 to 200 it ran 40 and waited 160: four fifths of the 100 that it is asked for. */
	host_detail_add(&detail, hand_close(&hand, 3, 100), THREAD, 50, 150);
	CHECK_INT(detail.ns[HOST_NO_CPU], 80);
	CHECK_INT(detail.ns[HOST_RUNNING], 20);
	CHECK_INT(detail.seen_ns, 100);
	CHECK_INT((int64_t)detail.wait_count, 0);
}

TEST(without_counters_or_near_samples_a_runnable_thread_ran)
{
	struct hand hand = {
		.time_ns = { 0, 1000, 2000 }, .state = { 'R', 'R', 'R' },
		.cpu_ns = { -1, -1, 5 }, .run_delay_ns = { -1, 100, 50 },
	};
	struct host_detail detail = { 0 };
	host_detail_add(&detail, hand_close(&hand, 3, 1000), THREAD, 900, 1100);
	CHECK_INT(detail.ns[HOST_RUNNING], 200);
	hand.cpu_ns[0] = hand.run_delay_ns[0] = 0;
	hand.cpu_ns[1] = hand.run_delay_ns[1] = 500;
	hand.cpu_ns[2] = hand.run_delay_ns[2] = 900;
	host_detail_add(&detail, hand_close(&hand, 3, 10), THREAD, 995, 1005);
	CHECK_INT(detail.ns[HOST_RUNNING], 210);	/* a hundred periods apart */
	CHECK_INT(detail.ns[HOST_NO_CPU], 0);
}

TEST(states_sum_to_what_was_seen_and_odd_ones_are_told)
{
	struct hand hand = { .time_ns = { 10, 20, 30, 40, 50, 60 },
			     .state = { 'S', 'T', 'Z', 'I', '?', 'D' } };
	struct host_detail detail = { 0 };
	int64_t sum_ns = 0;
	host_detail_add(&detail, hand_close(&hand, 6, 10), THREAD, 3, 77);
	for (int i = 0; i < HOST_DOING_COUNT; i++)
		sum_ns += detail.ns[i];
	CHECK_INT(detail.seen_ns, 70 - 3);
	CHECK_INT(sum_ns, detail.seen_ns);
	CHECK_INT(detail.ns[HOST_STOPPED], 30);
	CHECK_INT(detail.samples, 6);
}

TEST(the_waits_kept_are_those_met_again)
{
	struct host_detail detail = { 0 };
	for (uint32_t i = 0; i < 40; i++) {
		struct hand hand = { .time_ns = { 5 }, .state = { 'S' },
				     .wait = { i % 2 == 0 ? 99 : i } };
		host_detail_add(&detail, hand_close(&hand, 1, 10), THREAD, 0, 10);
	}
	const struct host_wait *wait = host_detail_longest_wait(&detail);
	CHECK(wait != NULL && wait->string_id == 99);
	CHECK_INT(wait->ns, 200);
	CHECK_INT(wait->samples, 20);
	CHECK_INT(detail.seen_ns, 400);
}

TEST(only_idle_time_that_no_call_explains_is_asked_for)
{
	CHECK(host_detail_is_asked(CAUSE_HOST) && host_detail_is_asked(CAUSE_DATA));
	CHECK(!host_detail_is_asked(CAUSE_SYNC) && !host_detail_is_asked(CAUSE_ALLOC) &&
	      !host_detail_is_asked(CAUSE_COMM) && !host_detail_is_asked(CAUSE_UNEXPLAINED));
}

/* A trace of 100 steps of 20 ms: 10 ms of work, then 10 ms in which the host has something else. */

enum { STEPS = 100, STEP = 20 * MS, WORK = 10 * MS };

static int64_t string_of(struct trace_fixture *fixture, const char *text)
{
	int64_t id = 0;
	CHECK_OK(trace_writer_string(fixture->writer, text, strlen(text), &id, &error), error);
	return id;
}

static void step_put(struct trace_fixture *fixture, int64_t step)
{
	int64_t start_ns = step * STEP, correlation = step + 1;
	const struct api_call_row call = {
		.start_ns = start_ns - 5000, .duration_ns = 3000, .thread_id = THREAD,
		.api = API_RUNTIME, .name_id = string_of(fixture, "cudaLaunchKernel_v7000"),
		.correlation_id = correlation,
	};
	const struct kernel_row kernel = {
		.start_ns = start_ns, .duration_ns = WORK, .stream_id = fixture->stream_id[1],
		.kernel_id = fixture->gemm_id, .correlation_id = correlation,
	};
	CHECK_OK(trace_put_api_call(fixture->writer, &call, &error), error);
	CHECK_OK(trace_put_kernel(fixture->writer, &kernel, &error), error);
}

/* Two samples a gap, in a state; every second one of another thread lies between. */
static void samples_put(struct trace_fixture *fixture, int64_t step, char state,
			const char *wait)
{
	for (int64_t i = 0; i < 2; i++) {
		struct host_sample_row row = {
			.time_ns = step * STEP + WORK + (2 + 5 * i) * MS, .thread_id = THREAD,
			.state = state,
			.wait_channel_id = wait[0] == 0 ? 0 : string_of(fixture, wait),
			/* Of the 20 ms of a step it ran 5 and waited for a CPU 15. */
			.cpu_time_ns = step * 5 * MS + i * 5 * MS / 2,
			.run_delay_ns = step * 15 * MS + i * 15 * MS / 2, .processor = 3,
		};
		CHECK_OK(trace_put_host_sample(fixture->writer, &row, &error), error);
		row.thread_id = OTHER;
		row.state = 'T';
		row.time_ns += MS;
		CHECK_OK(trace_put_host_sample(fixture->writer, &row, &error), error);
	}
}

static struct report *report_of(char state, const char *wait, int64_t sampled_steps)
{
	struct trace_fixture fixture;
	fixture_begin(&fixture, "host.db", 0, 1);
	for (int64_t step = 0; step < STEPS; step++) {
		step_put(&fixture, step);
		if (step < sampled_steps)
			samples_put(&fixture, step, state, wait);
	}
	fixture_end(&fixture);
	return fixture_report(&fixture.path, 1, NULL);
}

static const struct finding *finding_of(const struct report *report, enum finding_id id)
{
	for (size_t i = 0; i < report->finding_count; i++)
		if (report->findings[i].id == id)
			return &report->findings[i];
	return NULL;
}

/* The gaps but for the 2 us on the way to the GPU, and the launch's own time before it. */
static const int64_t asked_ns = (STEPS - 1) * (INT64_C(10) * MS - 2000);

TEST(a_report_says_that_the_host_had_no_cpu)
{
	struct report *report = report_of('R', "", STEPS);
	const struct host_detail *host = &report->gpus[0].host;
	const struct finding *finding = finding_of(report, FINDING_HOST_NO_CPU);
	CHECK_INT(host->asked_ns, asked_ns);
	CHECK_INT(host->samples, 2 * (STEPS - 1));
	CHECK_INT(host->ns[HOST_RUNNING] + host->ns[HOST_NO_CPU], host->seen_ns);
	CHECK_INT(host->ns[HOST_NO_CPU] * 100 / host->seen_ns, 75);
	CHECK(finding != NULL && finding->a / (RATIO_ONE / 100) == 75);
	CHECK_INT(finding->b, host->samples);
	CHECK(finding_of(report, FINDING_HOST_DEVICE) == NULL);
	report_close(report);
}

TEST(a_report_says_that_the_host_waited_for_a_disk_and_in_what)
{
	struct report *report = report_of('D', "read (folio_wait_bit)", STEPS);
	const struct finding *finding = finding_of(report, FINDING_HOST_DEVICE);
	CHECK(finding != NULL && finding->a / (RATIO_ONE / 100) == 100);
	CHECK(finding->words != NULL && strstr(finding->words, "read (folio_wait_bit)") != NULL);
	CHECK(finding_of(report, FINDING_HOST_NO_CPU) == NULL);
	report_close(report);
}

TEST(few_samples_accuse_nobody)
{
	struct report *report = report_of('D', "read", 24);
	CHECK_INT(report->gpus[0].host.samples, 48);
	CHECK(finding_of(report, FINDING_HOST_DEVICE) == NULL);
	report_close(report);
}

TEST(a_sleeping_host_is_told_and_is_no_finding_of_its_own)
{
	struct report *report = report_of('S', "epoll_wait (ep_poll)", STEPS);
	const struct host_detail *host = &report->gpus[0].host;
	CHECK_INT(host->ns[HOST_ASLEEP], host->seen_ns);
	CHECK_INT((int64_t)host->wait_count, 1);
	CHECK_TEXT(host->waits[0].name, "epoll_wait (ep_poll)");
	CHECK(finding_of(report, FINDING_HOST_DEVICE) == NULL &&
	      finding_of(report, FINDING_HOST_NO_CPU) == NULL);
	report_close(report);
}

TEST(a_trace_without_samples_is_asked_nothing)
{
	struct report *report = report_of('S', "", 0);
	CHECK_INT(report->gpus[0].host.asked_ns, 0);
	report_close(report);
}
