/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_time.h"

#include "analyzer/gpu_sweep.h"
#include "analyzer/times.h"
#include "base/array.h"

#include <assert.h>
#include <stdlib.h>

int64_t gpu_sweep_inside(const struct gpu_sweep *sweep, int64_t start_ns, int64_t end_ns)
{
	const struct time_window *window = &sweep->input->window;
	return time_later(0, time_earlier(end_ns, window->end_ns) -
				     time_later(start_ns, window->start_ns));
}

/* From a slice nearby to the first one that ends after `start_ns`. */
static size_t slice_at(const struct time_slices *slices, size_t near, int64_t start_ns)
{
	while (near > 0 && slices->items[near - 1].end_ns > start_ns)
		near--;
	while (near < slices->count && slices->items[near].end_ns <= start_ns)
		near++;
	return near;
}

/* Adds to one number of every slice that the stretch touches. */
static void slices_add(struct gpu_sweep *sweep, size_t *near, size_t number, int64_t start_ns,
		       int64_t end_ns)
{
	const struct gpu_time_input *input = sweep->input;
	for (size_t set = 0; set < input->slice_sets; set++) {
		const struct time_slices *slices = &input->slices[set];
		size_t at = slice_at(slices, near[set], start_ns);
		near[set] = at;
		for (; at < slices->count && slices->items[at].start_ns < end_ns; at++) {
			struct time_parts *parts = &slices->parts[at];
			int64_t *sum_ns = number < PART_COUNT ? &parts->ns[number] :
				&parts->absent_ns[number - PART_COUNT];
			*sum_ns += time_earlier(end_ns, slices->items[at].end_ns) -
				   time_later(start_ns, slices->items[at].start_ns);
		}
	}
}

void gpu_sweep_add(struct gpu_sweep *sweep, enum time_part part, int64_t start_ns, int64_t end_ns)
{
	sweep->time->parts.ns[part] += gpu_sweep_inside(sweep, start_ns, end_ns);
	slices_add(sweep, sweep->slice, part, start_ns, end_ns);
}

/* Why nothing computed, where that was recorded. */
struct absent_cause {
	struct gpu_sweep *sweep;
	enum idle_cause cause;
};

static void absent_cause_add(void *context, bool is_recorded, int64_t start_ns, int64_t end_ns)
{
	const struct absent_cause *why = context;
	enum idle_cause cause = is_recorded ? why->cause : CAUSE_NOT_RECORDED;
	why->sweep->time->parts.absent_ns[cause] += gpu_sweep_inside(why->sweep, start_ns, end_ns);
	slices_add(why->sweep, why->sweep->absent_slice, PART_COUNT + (size_t)cause, start_ns,
		   end_ns);
}

void gpu_sweep_add_absent(struct gpu_sweep *sweep, enum idle_cause cause, int64_t start_ns,
			  int64_t end_ns)
{
	struct absent_cause why = { sweep, cause };
	if (start_ns < end_ns)
		capture_gaps_split(&sweep->input->timeline->gaps.gpu, start_ns, end_ns,
				   absent_cause_add, &why);
}

static enum time_part copy_part(uint32_t kind)
{
	if (kind == TRANSFER_MEMSET)
		return PART_COPY_OTHER;
	switch (transfer_kind_direction(kind)) {
	case COPY_HTOD:
	case COPY_HTOA:
		return PART_COPY_HTOD;
	case COPY_DTOH:
	case COPY_ATOH:
		return PART_COPY_DTOH;
	default:
		return PART_COPY_OTHER;
	}
}

static void absent_add(struct gpu_sweep *sweep, enum sweep_class class, int64_t start_ns,
		       int64_t end_ns)
{
	struct absent_piece *last =
		sweep->absent_count == 0 ? NULL : &sweep->absent[sweep->absent_count - 1];
	if (last != NULL && last->class == class && last->end_ns == start_ns) {
		last->end_ns = end_ns;
		return;
	}
	struct absent_piece *pieces = array_grow(sweep->absent, &sweep->absent_room,
						 sweep->absent_count, sizeof *pieces);
	if (pieces == NULL) {
		sweep->is_short = true;
		return;
	}
	sweep->absent = pieces;
	pieces[sweep->absent_count++] = (struct absent_piece){ start_ns, end_ns, class };
}

static void sweep_stretch(struct gpu_sweep *sweep, enum sweep_class class, int64_t start_ns,
			  int64_t end_ns)
{
	const struct gpu_time_input *input = sweep->input;
	switch (class) {
	case SWEEP_COMPUTE:
		gpu_sweep_add(sweep, PART_COMPUTE, start_ns, end_ns);
		return;
	case SWEEP_TRANSFER:
		gpu_sweep_add(sweep, PART_TRANSFER, start_ns, end_ns);
		break;
	case SWEEP_WAIT:
		gpu_sweep_add(sweep, PART_WAIT, start_ns, end_ns);
		if (sweep->time->exposed_wait_ns != NULL)
			sweep->time->exposed_wait_ns[sweep->active[SWEEP_WAIT].comm] +=
				gpu_sweep_inside(sweep, start_ns, end_ns);
		break;
	case SWEEP_COPY:
		gpu_sweep_add(sweep, copy_part(sweep->active[SWEEP_COPY].what), start_ns, end_ns);
		break;
	case SWEEP_GRAPH:
		gpu_sweep_add(sweep, PART_IDLE + CAUSE_UNEXPLAINED, start_ns, end_ns);
		if (input->add_piece != NULL && gpu_sweep_inside(sweep, start_ns, end_ns) > 0)
			input->add_piece(input->piece_context, &(struct idle_piece){
				.cause = CAUSE_UNEXPLAINED,
				.start_ns = time_later(start_ns, input->window.start_ns),
				.end_ns = time_earlier(end_ns, input->window.end_ns),
				.call = NO_CALL, .range = UINT32_MAX, .launch = NO_CALL,
				.next_kind = LANE_GRAPH });
		break;
	case SWEEP_IDLE:
		if (sweep->idle_start_ns == INT64_MAX)
			sweep->idle_start_ns = start_ns;
		break;
	case SWEEP_NOTHING:
		return;
	}
	absent_add(sweep, class, start_ns, end_ns);
}

/* Accounts for [at, to), in which nothing begins. */
static void sweep_to(struct gpu_sweep *sweep, int64_t to_ns)
{
	while (sweep->at_ns < to_ns) {
		enum sweep_class class = SWEEP_COMPUTE;
		while (class < SWEEP_IDLE && sweep->active[class].end_ns <= sweep->at_ns)
			class++;
		int64_t until_ns = class == SWEEP_IDLE ? to_ns :
			time_earlier(sweep->active[class].end_ns, to_ns);
		sweep_stretch(sweep, class, sweep->at_ns, until_ns);
		sweep->at_ns = until_ns;
	}
}

static void sweep_activate(struct gpu_sweep *sweep, enum sweep_class class, int64_t end_ns,
			   uint32_t what, size_t comm)
{
	if (end_ns > sweep->active[class].end_ns)
		sweep->active[class] = (struct sweep_active){ end_ns, what, comm };
}

/* Takes the first to transfer out of the heap. */
static void pending_pop(struct gpu_sweep *sweep)
{
	struct sweep_pending *heap = sweep->pending, last = heap[--sweep->pending_count];
	size_t count = sweep->pending_count, at = 0;
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < count && heap[child + 1].start_ns < heap[child].start_ns)
			child++;
		if (child >= count || heap[child].start_ns >= last.start_ns)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
}

static void pending_push(struct gpu_sweep *sweep, int64_t start_ns, int64_t end_ns)
{
	struct sweep_pending *heap = array_grow(sweep->pending, &sweep->pending_room,
						sweep->pending_count, sizeof *heap);
	if (heap == NULL) {
		sweep->is_short = true;
		return;
	}
	sweep->pending = heap;
	size_t at = sweep->pending_count++;
	for (; at > 0 && heap[(at - 1) / 2].start_ns > start_ns; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = (struct sweep_pending){ start_ns, end_ns };
}

/* Communication that has waited long enough begins to transfer, up to `to_ns`. */
static void sweep_start_pending(struct gpu_sweep *sweep, int64_t to_ns)
{
	while (sweep->pending_count > 0 && sweep->pending[0].start_ns <= to_ns) {
		sweep_to(sweep, sweep->pending[0].start_ns);
		sweep_activate(sweep, SWEEP_TRANSFER, sweep->pending[0].end_ns, 0, 0);
		pending_pop(sweep);
	}
}

static void sweep_begin_comm(struct gpu_sweep *sweep, const struct timeline_event *event,
			     size_t comm)
{
	const int64_t *waits_ns = sweep->input->wait_end_ns;
	int64_t wait_ns = waits_ns == NULL ? event->start_ns :
		time_earlier(time_later(waits_ns[comm], event->start_ns), event->end_ns);
	if (wait_ns == event->start_ns) {
		sweep_activate(sweep, SWEEP_TRANSFER, event->end_ns, 0, comm);
		return;
	}
	sweep_activate(sweep, SWEEP_WAIT, wait_ns, 0, comm);
	if (wait_ns < event->end_ns)
		pending_push(sweep, wait_ns, event->end_ns);
}

static enum sweep_class event_class(const struct timeline *timeline,
				    const struct timeline_event *event)
{
	if (event->kind == LANE_COPY)
		return SWEEP_COPY;
	if (event->kind == LANE_GRAPH)
		return SWEEP_GRAPH;
	return timeline->kernels[event->what].class == KERNEL_COMMUNICATION ? SWEEP_TRANSFER :
		SWEEP_COMPUTE;
}

static void sweep_begin(struct gpu_sweep *sweep, const struct timeline_event *event,
			enum sweep_class class, size_t comm)
{
	if (sweep->idle_start_ns != INT64_MAX) {
		gpu_gaps_close_idle(sweep, event);
		sweep->idle_start_ns = INT64_MAX;
	}
	if (class == SWEEP_COMPUTE && sweep->absent_count > 0) {
		gpu_gaps_close_absent(sweep, event);
		sweep->absent_count = 0;
	}
	if (class == SWEEP_COMPUTE || gpu_gaps_is_input(event))
		sweep->has_input = class != SWEEP_COMPUTE;
	if (class == SWEEP_TRANSFER)
		sweep_begin_comm(sweep, event, comm);
	else
		sweep_activate(sweep, class, event->end_ns, event->what, 0);
	if (class == SWEEP_GRAPH)
		return;
	struct stream_history *history = &sweep->streams[event->stream];
	history->operations[history->count++ % STREAM_OPERATIONS_KEPT] =
		(struct stream_operation){ event->end_ns, event->launch, class };
	sweep->before = event->launch;
}

/* To the end of what is asked for, and on to the work that ends a gap that reaches over it. */
static void sweep_walk(struct gpu_sweep *sweep)
{
	const struct gpu_time_input *input = sweep->input;
	struct timeline_walk walk = timeline_walk_begin(input->gpu);
	struct timeline_event event;
	while (!sweep->is_short && timeline_walk_next(&walk, &event)) {
		enum sweep_class class = event_class(input->timeline, &event);
		size_t comm = sweep->comm_at;
		sweep->comm_at += class == SWEEP_TRANSFER;
		if (event.start_ns == event.end_ns)
			continue;
		if (event.start_ns >= sweep->end_ns) {
			sweep_start_pending(sweep, sweep->end_ns);
			sweep_to(sweep, sweep->end_ns);
			if (sweep->idle_start_ns == INT64_MAX && sweep->absent_count == 0)
				return;
		}
		sweep_start_pending(sweep, event.start_ns);
		sweep_to(sweep, event.start_ns);
		sweep_begin(sweep, &event, class, comm);
	}
	if (sweep->at_ns < sweep->end_ns) {
		sweep_start_pending(sweep, sweep->end_ns);
		sweep_to(sweep, sweep->end_ns);
	}
	if (sweep->idle_start_ns != INT64_MAX)
		gpu_gaps_close_idle(sweep, NULL);
	if (sweep->absent_count > 0)
		gpu_gaps_close_absent(sweep, NULL);
}

/* Slices are measured whole, also where they lie outside of the window. */
static void find_extent(struct gpu_sweep *sweep)
{
	const struct gpu_time_input *input = sweep->input;
	sweep->at_ns = time_earlier(input->window.start_ns, input->gpu->start_ns);
	sweep->end_ns = input->window.end_ns;
	for (size_t set = 0; set < input->slice_sets; set++) {
		const struct time_slices *slices = &input->slices[set];
		if (slices->count == 0)
			continue;
		sweep->at_ns = time_earlier(sweep->at_ns, slices->items[0].start_ns);
		sweep->end_ns = time_later(sweep->end_ns, slices->items[slices->count - 1].end_ns);
	}
}

bool gpu_time_measure(struct gpu_time *time, const struct gpu_time_input *input)
{
	int64_t *exposed_wait_ns = time->exposed_wait_ns;
	*time = (struct gpu_time){ .exposed_wait_ns = exposed_wait_ns };
	struct gpu_sweep sweep = {
		.input = input, .time = time, .before = NO_CALL, .idle_start_ns = INT64_MAX,
	};
	assert(input->slice_sets <= SLICE_SETS_MAX);
	find_extent(&sweep);
	for (int class = 0; class < SWEEP_IDLE; class++)
		sweep.active[class].end_ns = sweep.at_ns;
	sweep.streams = calloc(input->timeline->stream_count + 1, sizeof *sweep.streams);
	bool ok = sweep.streams != NULL &&
		  launch_bound_find(&sweep.launch_bound, input->timeline, input->gpu);
	if (ok && sweep.at_ns < sweep.end_ns)
		sweep_walk(&sweep);
	free(sweep.streams);
	free(sweep.pending);
	free(sweep.absent);
	intervals_end(&sweep.launch_bound);
	if (!ok || sweep.is_short)
		return false;
	assert(time_parts_sum(&time->parts) == input->window.end_ns - input->window.start_ns);
	return true;
}
