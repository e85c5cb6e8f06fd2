/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_sweep.h"

#include "analyzer/idle_host.h"
#include "analyzer/times.h"

#include <string.h>

/* An idle gap while its causes are found. */
struct open_gap {
	struct gpu_sweep *sweep;
	const struct timeline_event *event;	/* that ended it, or NULL */
	int64_t cause_ns[CAUSE_COUNT];	/* inside the window */
	int64_t longest_ns;
	enum idle_cause longest_cause;
	uint32_t call;
	uint32_t range;
};

static void gap_add_piece(struct open_gap *gap, enum idle_cause cause, int64_t start_ns,
			  int64_t end_ns, uint32_t call, uint32_t range)
{
	const struct gpu_time_input *input = gap->sweep->input;
	gpu_sweep_add(gap->sweep, PART_IDLE + (enum time_part)cause, start_ns, end_ns);
	int64_t inside_ns = gpu_sweep_inside(gap->sweep, start_ns, end_ns);
	if (inside_ns == 0)
		return;
	gap->cause_ns[cause] += inside_ns;
	if (input->add_piece != NULL)
		input->add_piece(input->piece_context, &(struct idle_piece){
			.cause = cause, .start_ns = time_later(start_ns, input->window.start_ns),
			.end_ns = time_earlier(end_ns, input->window.end_ns),
			.call = call, .range = range,
			.launch = gap->event == NULL ? NO_CALL : gap->event->launch,
			.next_kind = gap->event == NULL ? LANE_COUNT : gap->event->kind,
			.next_what = gap->event == NULL ? 0 : gap->event->what });
	if (inside_ns > gap->longest_ns) {
		gap->longest_ns = inside_ns;
		gap->longest_cause = cause;
		gap->call = call;
		gap->range = range;
	}
}

/* What the host's calls explain, where they were recorded; elsewhere nobody knows. */
struct gap_answer {
	struct open_gap *gap;
	enum idle_cause cause;
	uint32_t call;
	uint32_t range;
};

static void gap_answer_add(void *context, bool is_recorded, int64_t start_ns, int64_t end_ns)
{
	const struct gap_answer *answer = context;
	if (is_recorded)
		gap_add_piece(answer->gap, answer->cause, start_ns, end_ns, answer->call,
			      answer->range);
	else
		gap_add_piece(answer->gap, CAUSE_NOT_RECORDED, start_ns, end_ns, NO_CALL,
			      NO_RANGE);
}

static void gap_add(struct open_gap *gap, enum idle_cause cause, int64_t start_ns, int64_t end_ns,
		    uint32_t call, uint32_t range)
{
	struct gap_answer answer = { gap, cause, call, range };
	if (start_ns < end_ns)
		capture_gaps_split(&gap->sweep->input->timeline->gaps.gpu, start_ns, end_ns,
				   gap_answer_add, &answer);
}

static void gap_add_segment(void *context, const struct host_segment *segment)
{
	gap_add(context, segment->cause, segment->start_ns, segment->end_ns, segment->call,
		segment->range);
}

static bool is_launch_bound(struct gpu_sweep *sweep, int64_t start_ns, int64_t end_ns)
{
	const struct intervals *runs = &sweep->launch_bound;
	while (sweep->launch_bound_at < runs->count &&
	       runs->items[sweep->launch_bound_at].end_ns < end_ns)
		sweep->launch_bound_at++;
	return sweep->launch_bound_at < runs->count &&
	       runs->items[sweep->launch_bound_at].start_ns <= start_ns;
}

/* Does a step begin in the gap? A step's boundary is where the work before it ends. */
static bool is_step_head(struct gpu_sweep *sweep, int64_t start_ns, int64_t end_ns)
{
	const struct gpu_time_input *input = sweep->input;
	size_t at = sweep->step_at;
	while (at > 0 && input->step_ns[at - 1] >= start_ns)
		at--;
	while (at < input->step_bounds && input->step_ns[at] < start_ns)
		at++;
	sweep->step_at = at;
	return at < input->step_bounds && input->step_ns[at] <= end_ns;
}

bool gpu_gaps_is_input(const struct timeline_event *event)
{
	return event->kind == LANE_COPY && event->what != TRANSFER_MEMSET &&
	       transfer_kind_direction(event->what) == COPY_HTOD &&
	       event->bytes >= INPUT_BYTES_MIN;
}

static struct host_question question_make(struct gpu_sweep *sweep,
					  const struct timeline_event *event, int64_t start_ns,
					  int64_t end_ns)
{
	const struct gpu_time_input *input = sweep->input;
	int64_t issue_ns = host_issue_ns(input->timeline, event->launch, event->start_ns);
	bool is_input = gpu_gaps_is_input(event) ||
		(event->kind == LANE_KERNEL && sweep->has_input);
	return (struct host_question){
		.timeline = input->timeline,
		.start_ns = start_ns,
		.end_ns = time_earlier(time_later(issue_ns, start_ns), end_ns),
		.launch = event->launch,
		.before = sweep->before,
		.is_head = input->step_bounds == 0 ? is_input :
			is_step_head(sweep, start_ns, end_ns),
		.is_input = is_input,
		.after_sync_max_ns = time_later(AFTER_SYNC_NS_MAX, input->step_median_ns / 10),
		.is_launch_bound = is_launch_bound(sweep, start_ns, end_ns),
	};
}

static enum idle_cause rest_cause(int64_t length_ns)
{
	return length_ns < LAUNCH_LATENCY_NS_MAX ? CAUSE_LATENCY : CAUSE_UNEXPLAINED;
}

static enum idle_cause busy_cause(enum sweep_class class)
{
	return class == SWEEP_COPY ? CAUSE_COPY : CAUSE_COMM;
}

static enum idle_cause producer_cause(enum sweep_class class)
{
	return class == SWEEP_COMPUTE ? CAUSE_STREAM : busy_cause(class);
}

static void worst_keep(struct gpu_sweep *sweep, const struct open_gap *gap,
		       const struct timeline_event *event, int64_t start_ns, int64_t end_ns)
{
	struct gpu_time *time = sweep->time;
	const struct time_window *window = &sweep->input->window;
	struct idle_gap kept = {
		.start_ns = time_later(start_ns, window->start_ns),
		.end_ns = time_earlier(end_ns, window->end_ns),
		.cause = gap->longest_cause, .cause_ns = gap->longest_ns,
		.call = gap->call, .range = gap->range,
		.launch = event == NULL ? NO_CALL : event->launch,
		.next_kind = event == NULL ? LANE_COUNT : event->kind,
		.next_what = event == NULL ? 0 : event->what,
	};
	int64_t length_ns = kept.end_ns - kept.start_ns;
	size_t at = time->worst_count;
	if (at == WORST_GAPS_MAX) {
		const struct idle_gap *shortest = &time->worst[--at];
		if (length_ns <= shortest->end_ns - shortest->start_ns)
			return;
	} else
		time->worst_count++;
	for (; at > 0 && time->worst[at - 1].end_ns - time->worst[at - 1].start_ns < length_ns;
	     at--)
		time->worst[at] = time->worst[at - 1];
	time->worst[at] = kept;
}

void gpu_gaps_close_idle(struct gpu_sweep *sweep, const struct timeline_event *event)
{
	int64_t start_ns = sweep->idle_start_ns, end_ns = sweep->at_ns;
	struct open_gap gap = { .sweep = sweep, .event = event, .call = NO_CALL,
				.range = NO_RANGE };
	if (sweep->input->slice_sets == 0 && gpu_sweep_inside(sweep, start_ns, end_ns) == 0)
		return;
	if (event == NULL || event->launch == NO_CALL) {
		gap_add(&gap, CAUSE_UNEXPLAINED, start_ns, end_ns, NO_CALL, NO_RANGE);
	} else {
		struct host_question question = question_make(sweep, event, start_ns, end_ns);
		host_explain(&question, gap_add_segment, &gap);
		int64_t blocked_ns = question.end_ns;
		if (end_ns - blocked_ns > 0 && sweep->input->timeline->gpu_count > 1) {
			/* Nothing ran here: what it waited for can only be on another GPU. */
			struct stream_operation producer = gpu_producer_find(sweep, event);
			blocked_ns = time_earlier(time_later(producer.end_ns, blocked_ns), end_ns);
			gap_add(&gap, producer_cause(producer.class), question.end_ns, blocked_ns,
				event->launch, NO_RANGE);
		}
		gap_add(&gap, rest_cause(end_ns - blocked_ns), blocked_ns, end_ns, event->launch,
			NO_RANGE);
	}
	if (gap.longest_ns == 0)
		return;
	for (int cause = 0; cause < CAUSE_COUNT; cause++)
		sweep->time->cause_gaps[cause] += gap.cause_ns[cause] > 0;
	worst_keep(sweep, &gap, event, start_ns, end_ns);
}

/* Stretches without compute: the host's part of the answer, told busy from idle. */
struct absent_answer {
	struct gpu_sweep *sweep;
};

static bool is_busy(enum sweep_class class)
{
	return class == SWEEP_TRANSFER || class == SWEEP_WAIT || class == SWEEP_COPY;
}

/*
 * A host that waits for the GPU while that communicates or copies waits for just that: the wait is
 * not the host's.
 */
static void absent_add_segment(void *context, const struct host_segment *segment)
{
	struct gpu_sweep *sweep = ((struct absent_answer *)context)->sweep;
	int64_t at_ns = segment->start_ns;
	size_t begin = 0, end = segment->cause == CAUSE_SYNC ? sweep->absent_count : 0;
	while (begin < end) {	/* past the pieces that end before it */
		size_t middle = begin + (end - begin) / 2;
		if (sweep->absent[middle].end_ns <= at_ns)
			begin = middle + 1;
		else
			end = middle;
	}
	for (size_t i = begin; segment->cause == CAUSE_SYNC && i < sweep->absent_count &&
			       sweep->absent[i].start_ns < segment->end_ns; i++) {
		const struct absent_piece *piece = &sweep->absent[i];
		int64_t from_ns = time_later(piece->start_ns, at_ns);
		int64_t to_ns = time_earlier(piece->end_ns, segment->end_ns);
		if (!is_busy(piece->class) || from_ns >= to_ns)
			continue;
		gpu_sweep_add_absent(sweep, segment->cause, at_ns, from_ns);
		gpu_sweep_add_absent(sweep, busy_cause(piece->class), from_ns, to_ns);
		at_ns = to_ns;
	}
	gpu_sweep_add_absent(sweep, segment->cause, at_ns, segment->end_ns);
}

/*
 * Where the trace does not say which events streams waited for, work on another stream that ended
 * just before the kernel is taken for what it waited for.
 */
static struct stream_operation producer_infer(const struct gpu_sweep *sweep, int64_t start_ns)
{
	struct stream_operation producer = { .end_ns = INT64_MIN, .class = SWEEP_NOTHING };
	for (size_t i = sweep->absent_count; i > 0; i--) {
		const struct absent_piece *piece = &sweep->absent[i - 1];
		if (piece->end_ns < start_ns - PRODUCER_NEAR_NS)
			break;
		if (is_busy(piece->class) && piece->end_ns > producer.end_ns)
			producer = (struct stream_operation){ piece->end_ns, NO_CALL,
							      piece->class };
	}
	return producer;
}

static void absent_close_issued(struct gpu_sweep *sweep, const struct timeline_event *event,
				int64_t issue_ns)
{
	struct stream_operation producer = { .end_ns = INT64_MIN, .class = SWEEP_NOTHING };
	int64_t end_ns = event->start_ns;
	if (event->launch != NO_CALL)
		producer = gpu_producer_find(sweep, event);
	if (producer.end_ns <= issue_ns && !sweep->input->timeline->waits.has_sources)
		producer = producer_infer(sweep, end_ns);
	int64_t blocked_ns = time_earlier(time_later(producer.end_ns, issue_ns), end_ns);
	if (blocked_ns > issue_ns)
		gpu_sweep_add_absent(sweep, producer_cause(producer.class), issue_ns, blocked_ns);
	gpu_sweep_add_absent(sweep, event->launch == NO_CALL ? CAUSE_UNEXPLAINED :
		   rest_cause(end_ns - blocked_ns), blocked_ns, end_ns);
}

void gpu_gaps_close_absent(struct gpu_sweep *sweep, const struct timeline_event *event)
{
	int64_t start_ns = sweep->absent[0].start_ns;
	struct absent_answer answer = { sweep };
	if (sweep->input->slice_sets == 0 && gpu_sweep_inside(sweep, start_ns, sweep->at_ns) == 0)
		return;
	if (event == NULL) {
		gpu_sweep_add_absent(sweep, CAUSE_UNEXPLAINED, start_ns, sweep->at_ns);
		return;
	}
	if (event->launch == NO_CALL) {
		absent_close_issued(sweep, event, start_ns);
		return;
	}
	struct host_question question = question_make(sweep, event, start_ns, event->start_ns);
	host_explain(&question, absent_add_segment, &answer);
	absent_close_issued(sweep, event, question.end_ns);
}
