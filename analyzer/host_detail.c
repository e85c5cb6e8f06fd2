/* SPDX-License-Identifier: MIT */
#include "analyzer/host_detail.h"

#include "analyzer/host_calls.h"
#include "analyzer/ratio.h"
#include "analyzer/times.h"

enum { PERIODS_APART_MAX = 4 };

static const struct { const char *name, *words; } doings[HOST_DOING_COUNT] = {
#define STATE(enumerator, id, words) [enumerator] = { id, words },
	HOST_DOING_LIST(STATE)
#undef STATE
};

const char *host_doing_name(enum host_doing doing)
{
	return doings[doing].name;
}

const char *host_doing_words(enum host_doing doing)
{
	return doings[doing].words;
}

bool host_detail_is_asked(enum idle_cause cause)
{
	return cause == CAUSE_HOST || cause == CAUSE_DATA || cause == CAUSE_AFTER_SYNC ||
	       cause == CAUSE_LAUNCH_BOUND;
}

/* The sample next to this one, if it is near enough for their counters to be compared. */
static size_t neighbour(const struct host_samples *samples, size_t at, size_t other)
{
	if (other >= samples->count || samples->thread_id[other] != samples->thread_id[at])
		return at;
	int64_t apart_ns = samples->time_ns[at] - samples->time_ns[other];
	if (apart_ns < 0)
		apart_ns = -apart_ns;
	return apart_ns > PERIODS_APART_MAX * samples->period_ns ? at : other;
}

static int64_t growth(const int64_t *counter, size_t from, size_t to)
{
	if (counter[from] < 0 || counter[to] < counter[from])
		return 0;
	return counter[to] - counter[from];
}

/* Of a runnable thread's time, the part that it waited for a CPU. */
static int64_t delayed_ns(const struct host_samples *samples, size_t at, int64_t ns)
{
	size_t before = at == 0 ? at : neighbour(samples, at, at - 1);
	size_t behind = neighbour(samples, at, at + 1);
	int64_t ran_ns = growth(samples->cpu_ns, before, behind);
	int64_t delay_ns = growth(samples->run_delay_ns, before, behind);
	if (ran_ns > TIME_LIMIT_NS || delay_ns > TIME_LIMIT_NS)
		return 0;
	return share_of(ns, delay_ns, ran_ns + delay_ns);
}

static void wait_add(struct host_detail *detail, uint32_t string_id, int64_t ns)
{
	struct host_wait *least = &detail->waits[0];
	for (size_t i = 0; i < detail->wait_count; i++) {
		struct host_wait *wait = &detail->waits[i];
		if (wait->string_id == string_id) {
			wait->ns += ns;
			wait->samples++;
			return;
		}
		if (wait->ns < least->ns)
			least = wait;
	}
	if (detail->wait_count < HOST_WAITS_MAX)
		least = &detail->waits[detail->wait_count++];
	else if (least->samples > 1)
		return;	/* a rare one does not push out what was met again */
	*least = (struct host_wait){ .string_id = string_id, .ns = ns, .samples = 1 };
}

static void state_add(struct host_detail *detail, const struct host_samples *samples, size_t at,
		      int64_t ns)
{
	int64_t delay_ns;
	detail->seen_ns += ns;
	detail->samples++;
	switch (samples->state[at]) {
	case 'R':
		delay_ns = delayed_ns(samples, at, ns);
		detail->ns[HOST_NO_CPU] += delay_ns;
		detail->ns[HOST_RUNNING] += ns - delay_ns;
		return;
	case 'S':
	case 'I':
		detail->ns[HOST_ASLEEP] += ns;
		break;
	case 'D':
		detail->ns[HOST_DEVICE] += ns;
		break;
	default:
		detail->ns[HOST_STOPPED] += ns;
		return;
	}
	wait_add(detail, samples->wait[at], ns);
}

void host_detail_add(struct host_detail *detail, const struct host_samples *samples,
		     int64_t thread_id, int64_t start_ns, int64_t end_ns)
{
	size_t first, end;
	if (start_ns >= end_ns || samples->count == 0)
		return;
	detail->asked_ns += end_ns - start_ns;
	host_samples_of_thread(samples, thread_id, &first, &end);
	size_t at = host_samples_from(samples, first, end, start_ns);
	int64_t from_ns = start_ns;
	for (; at < end && samples->time_ns[at] < end_ns; at++) {
		int64_t time_ns = samples->time_ns[at], to_ns = end_ns;
		if (at + 1 < end && samples->time_ns[at + 1] < end_ns)
			to_ns = time_ns + (samples->time_ns[at + 1] - time_ns) / 2;
		int64_t low_ns = time_later(from_ns, time_ns - samples->period_ns);
		int64_t high_ns = time_earlier(to_ns, time_ns + samples->period_ns);
		if (high_ns > low_ns)
			state_add(detail, samples, at, high_ns - low_ns);
		from_ns = to_ns;
	}
}

const struct host_wait *host_detail_longest_wait(const struct host_detail *detail)
{
	const struct host_wait *longest = NULL;
	for (size_t i = 0; i < detail->wait_count; i++)
		if (longest == NULL || detail->waits[i].ns > longest->ns)
			longest = &detail->waits[i];
	return longest;
}
