/* SPDX-License-Identifier: MIT */
#include "analyzer/idle_host.h"

#include "analyzer/times.h"

enum { RANGE_DEPTH_MAX = 8, RANGES_TRIED_MAX = 1024, INPUT_FREE_PERCENT = 50 };

struct explanation {
	const struct host_question *question;
	const struct host_calls *calls;
	const struct host_ranges *ranges;
	host_segment_add add;
	void *context;
	uint32_t thread;	/* that launched the work */
	uint32_t other;		/* that launched what ran before; the same if there is no other */
	bool is_fetching;	/* a silent host before a batch is copied */
};

uint32_t host_call_before(const struct host_calls *calls, uint32_t thread, int64_t time_ns)
{
	size_t begin = calls->threads[thread].first, end = calls->threads[thread].end;
	size_t first = begin;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (calls->start_ns[middle] < time_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin == first ? NO_CALL : (uint32_t)(begin - 1);
}

int64_t host_issue_ns(const struct timeline *timeline, uint32_t launch, int64_t begin_ns)
{
	const struct host_calls *calls = &timeline->calls;
	if (calls->class[launch] == CALL_LAUNCH || calls->class[launch] == CALL_LOAD)
		return calls->end_ns[launch];
	if (begin_ns - calls->start_ns[launch] < SLOW_CALL_NS)
		return calls->start_ns[launch];
	return time_earlier(calls->end_ns[launch], begin_ns);
}

/* CAUSE_COUNT: the call does not keep the thread from launching. */
static enum idle_cause call_cause(const struct host_calls *calls, size_t call)
{
	switch ((enum call_class)calls->class[call]) {
	case CALL_SYNC:
		return CAUSE_SYNC;
	case CALL_ALLOC:
		return CAUSE_ALLOC;
	case CALL_LOAD:
		return CAUSE_LOAD;
	case CALL_COPY:
		return calls->end_ns[call] - calls->start_ns[call] >= SLOW_CALL_NS ?
			CAUSE_SYNC : CAUSE_COUNT;
	case CALL_OTHER:
	case CALL_LAUNCH:
	case CALL_CLASS_COUNT:
		break;
	}
	return CAUSE_COUNT;
}

/* The call that issued the work: what it is for is no wait; a slow one is told as evidence. */
static enum idle_cause own_call_cause(const struct host_calls *calls, size_t call)
{
	switch ((enum call_class)calls->class[call]) {
	case CALL_ALLOC:
		return CAUSE_ALLOC;
	case CALL_LOAD:
		return CAUSE_LOAD;
	case CALL_SYNC:
	case CALL_COPY:
	case CALL_OTHER:
	case CALL_LAUNCH:
	case CALL_CLASS_COUNT:
		break;
	}
	return calls->end_ns[call] - calls->start_ns[call] >= SLOW_CALL_NS ? CAUSE_HOST :
		CAUSE_COUNT;
}

static void explanation_add(const struct explanation *explanation, enum idle_cause cause,
			    int64_t start_ns, int64_t end_ns, uint32_t call, uint32_t range)
{
	const struct host_segment segment = { cause, start_ns, end_ns, call, range };
	explanation->add(explanation->context, &segment);
}

/* Was a thread waiting for the GPU when it ran dry? */
static bool is_drained_by(const struct explanation *explanation, uint32_t thread)
{
	const struct host_calls *calls = explanation->calls;
	int64_t start_ns = explanation->question->start_ns;
	uint32_t call = host_call_before(calls, thread, start_ns + 1);
	return call != NO_CALL && calls->end_ns[call] >= start_ns &&
	       call_cause(calls, call) == CAUSE_SYNC;
}

/* The thread's last call up to the launch that began before the work was issued; or NO_CALL. */
static uint32_t last_call(const struct explanation *explanation)
{
	const struct host_question *question = explanation->question;
	uint32_t last = host_call_before(explanation->calls, explanation->thread, question->end_ns);
	return last == NO_CALL || last < question->launch ? last : question->launch;
}

/* Did the launching thread make no CUDA call for most of the gap? */
static bool is_mostly_free(const struct explanation *explanation)
{
	const struct host_question *question = explanation->question;
	const struct host_calls *calls = explanation->calls;
	int64_t busy_ns = 0, length_ns = question->end_ns - question->start_ns;
	size_t first = calls->threads[explanation->thread].first;
	uint32_t last = last_call(explanation);
	for (size_t i = last == NO_CALL ? first : (size_t)last + 1;
	     i > first && calls->end_ns[i - 1] > question->start_ns; i--) {
		int64_t from_ns = time_later(calls->start_ns[i - 1], question->start_ns);
		if (i - 1 != question->launch)
			busy_ns +=
				time_later(0, time_earlier(calls->end_ns[i - 1], question->end_ns) -
						      from_ns);
	}
	return busy_ns <= length_ns / 100 * INPUT_FREE_PERCENT;
}

/* Nothing recorded says what the host did. */
static void explain_rest(const struct explanation *explanation, int64_t start_ns, int64_t end_ns)
{
	const struct host_question *question = explanation->question;
	enum idle_cause cause = CAUSE_HOST;
	if (question->is_launch_bound)
		cause = CAUSE_LAUNCH_BOUND;
	else if (explanation->is_fetching)
		cause = CAUSE_DATA;
	else if (end_ns - start_ns < question->after_sync_max_ns &&
		 (is_drained_by(explanation, explanation->thread) ||
		  (explanation->other != explanation->thread &&
		   is_drained_by(explanation, explanation->other))))
		cause = CAUSE_AFTER_SYNC;
	explanation_add(explanation, cause, start_ns, end_ns, NO_CALL, NO_RANGE);
}

static enum idle_cause range_cause(enum range_class class)
{
	return class == RANGE_DATA ? CAUSE_DATA :
		class == RANGE_COMM_SETUP || class == RANGE_GROUP_END ? CAUSE_COMM_SETUP :
		CAUSE_HOST;
}

/* Another thread's data loading counts only where a step waits for its input. */
static bool range_concerns(const struct explanation *explanation, uint32_t range)
{
	const struct host_ranges *ranges = explanation->ranges;
	uint32_t thread = ranges->thread[range];
	if (ranges->names[ranges->name[range]].class == RANGE_GROUP_END &&
	    ranges->end_ns[range] - ranges->start_ns[range] < GROUP_SETUP_NS_MIN)
		return false;
	if (thread == explanation->thread || thread == explanation->other)
		return true;
	return ranges->names[ranges->name[range]].class == RANGE_DATA &&
	       (explanation->question->is_head || explanation->question->is_input);
}

/* The range with the largest part of [start, end), the innermost of equals. */
static uint32_t find_range(const struct explanation *explanation, int64_t start_ns,
			   int64_t end_ns)
{
	const struct host_ranges *ranges = explanation->ranges;
	size_t begin = 0, end = ranges->classed_count, tried = 0;
	uint32_t best = NO_RANGE;
	int64_t most_ns = 0;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (ranges->start_ns[ranges->classed[middle]] < end_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	for (size_t i = begin; i > 0 && ranges->classed_reach_ns[i - 1] > start_ns &&
			       tried < RANGES_TRIED_MAX; i--, tried++) {
		uint32_t range = ranges->classed[i - 1];
		int64_t common_ns = time_earlier(ranges->end_ns[range], end_ns) -
				    time_later(ranges->start_ns[range], start_ns);
		if (common_ns <= most_ns || !range_concerns(explanation, range))
			continue;
		most_ns = common_ns;
		best = range;
	}
	return best;
}

static void explain_ranges(const struct explanation *explanation, int64_t start_ns, int64_t end_ns,
			   int depth)
{
	const struct host_ranges *ranges = explanation->ranges;
	if (start_ns >= end_ns)
		return;
	uint32_t range = depth == RANGE_DEPTH_MAX ? NO_RANGE :
		find_range(explanation, start_ns, end_ns);
	if (range == NO_RANGE) {
		explain_rest(explanation, start_ns, end_ns);
		return;
	}
	int64_t from_ns = time_later(ranges->start_ns[range], start_ns);
	int64_t to_ns = time_earlier(ranges->end_ns[range], end_ns);
	explain_ranges(explanation, start_ns, from_ns, depth + 1);
	explanation_add(explanation, range_cause(ranges->names[ranges->name[range]].class), from_ns,
			to_ns, NO_CALL, range);
	explain_ranges(explanation, to_ns, end_ns, depth + 1);
}

static void explain_other_thread(const struct explanation *explanation, int64_t start_ns,
				 int64_t end_ns);

/*
 * The calls of a thread that end in [start, end), from the last, `last` or before; what lies
 * between those that block goes on to whoever may know.
 */
static void explain_calls(const struct explanation *explanation, uint32_t thread, uint32_t last,
			  int64_t start_ns, int64_t end_ns)
{
	const struct host_calls *calls = explanation->calls;
	bool is_other = thread != explanation->thread;
	int64_t to_ns = end_ns;
	size_t first = calls->threads[thread].first;
	for (size_t i = last == NO_CALL ? first : (size_t)last + 1;
	     i > first && calls->end_ns[i - 1] > start_ns && to_ns > start_ns; i--) {
		enum idle_cause cause = i - 1 == explanation->question->launch ?
			own_call_cause(calls, i - 1) : call_cause(calls, i - 1);
		int64_t from_ns = time_later(calls->start_ns[i - 1], start_ns);
		int64_t until_ns = time_earlier(calls->end_ns[i - 1], to_ns);
		if (cause == CAUSE_COUNT || from_ns >= until_ns)
			continue;
		if (is_other)
			explain_ranges(explanation, until_ns, to_ns, 0);
		else
			explain_other_thread(explanation, until_ns, to_ns);
		explanation_add(explanation, cause, from_ns, until_ns, (uint32_t)(i - 1), NO_RANGE);
		to_ns = from_ns;
	}
	if (is_other)
		explain_ranges(explanation, start_ns, to_ns, 0);
	else
		explain_other_thread(explanation, start_ns, to_ns);
}

static void explain_other_thread(const struct explanation *explanation, int64_t start_ns,
				 int64_t end_ns)
{
	if (start_ns >= end_ns)
		return;
	if (explanation->other == explanation->thread)
		explain_ranges(explanation, start_ns, end_ns, 0);
	else
		explain_calls(explanation, explanation->other,
			      host_call_before(explanation->calls, explanation->other, end_ns),
			      start_ns, end_ns);
}

void host_explain(const struct host_question *question, host_segment_add add, void *context)
{
	struct explanation explanation = {
		.question = question, .calls = &question->timeline->calls,
		.ranges = &question->timeline->ranges, .add = add, .context = context,
	};
	if (question->start_ns >= question->end_ns)
		return;
	explanation.thread = explanation.calls->thread[question->launch];
	explanation.other = question->before == NO_CALL ? explanation.thread :
		explanation.calls->thread[question->before];
	explanation.is_fetching = question->is_head && question->is_input &&
		question->end_ns - question->start_ns >= INPUT_GAP_NS_MIN &&
		is_mostly_free(&explanation);
	explain_calls(&explanation, explanation.thread, last_call(&explanation),
		      question->start_ns, question->end_ns);
}
