/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_source.h"
#include "libtrace/drain_private.h"
#include "libtrace/gap_source.h"
#include "libtrace/host_facts.h"
#include "libtrace/window_source.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum { SETTLE_MS = 100 };	/* how long the last buffers may travel after the forced flush */

/* A stamp further away from the time of decoding is garbage or of another time base. */
static const int64_t plausible_ns = 3600 * NS_PER_S;

static void hear_source_loss(void *context, const char *reason, int64_t count)
{
	drain_loss(context, "cupti", reason, count);
}

static void hear_decode_loss(void *context, const char *reason, int64_t count)
{
	drain_loss(context, "decode", reason, count);
}

bool drain_open_decoder(struct drain *drain, struct error *error)
{
	const struct cupti_decode_options options = {
		.strides = cupti_source_strides(), .epoch_ns = drain->plan->epoch_ns,
		.has_api_records = drain->plan->settings->api != API_CHOICE_OFF,
		.own_thread_id = atomic_load_explicit(&drain->thread_id, memory_order_relaxed),
	};
	struct cupti_sink sink = recorder_sink(drain->recorder);
	drain->decoder = cupti_decoder_create(&options, &sink);
	return drain->decoder != NULL ||
		fail(error, ERROR_SYSTEM, "no memory to decode GPU activity");
}

void drain_close_decoder(struct drain *drain)
{
	cupti_decoder_close(drain->decoder);
	drain->decoder = NULL;
}

static void disabled_tell(struct drain *drain, const struct settings *settings)
{
	const struct { const char *reason; bool is_disabled; } facts[] = {
		{ "disabled: LAGGARD_API=off", settings->api == API_CHOICE_OFF },
		{ "disabled: LAGGARD_GRAPHS=graph, the kernels of CUDA graphs",
		  settings->graphs == GRAPH_CHOICE_GRAPH },
		{ "disabled: LAGGARD_SYNC=off", !settings->sync },
		{ "disabled: LAGGARD_EVENTS=off", !settings->events },
		{ "disabled: LAGGARD_MEMORY_EVENTS=off", !settings->memory_events },
	};
	for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
		if (facts[i].is_disabled)
			drain_loss(drain, "cupti", facts[i].reason, 0);
	if (*cupti_source_taken() == 0)
		return;
	drain_loss(drain, "cupti", cupti_source_taken(), 0);
	drain_loss(drain, "nvml", "disabled: without CUPTI nobody says which GPUs are in use", 0);
	gap_source_put_cupti(drain, 0, -1, cupti_source_taken());
}

static void cupti_begin(struct drain *drain, const struct drain_plan *plan)
{
	drain->pass_realtime_ns = plan->epoch_ns;
	drain->flush_due_ns = monotonic_ns() + plan->settings->flush_ms * NS_PER_MS;
	if (drain->decoder != NULL)
		cupti_decoder_set_history(drain->decoder, window_source_history());
	disabled_tell(drain, plan->settings);
}

static void buffer_take(struct drain *drain, const struct activity_buffer *buffer)
{
	if (drain->flight != NULL)
		flight_keep_buffer(drain->flight, buffer->bytes, buffer->valid_bytes);
	else
		(void)cupti_decode(drain->decoder, buffer->bytes, buffer->valid_bytes);
}

static void buffers_decode(struct drain *drain)
{
	/* The clock may have been set since the pass before. */
	int64_t before_ns = drain->pass_realtime_ns, now_ns = realtime_ns();
	if (drain->decoder != NULL)
		cupti_decoder_set_window(drain->decoder,
					 (before_ns < now_ns ? before_ns : now_ns) - plausible_ns,
					 (before_ns < now_ns ? now_ns : before_ns) + plausible_ns);
	for (;;) {
		struct activity_buffer *buffer = queue_pop(drain->queue);
		if (buffer == NULL)
			break;
		/* Before the records, what was decided when they were made. */
		window_source_take(drain);
		buffer_take(drain, buffer);
		cupti_source_give(buffer);
		recorder_flush(drain->recorder, false);
	}
	if (drain->decoder != NULL)
		cupti_decoder_settle(drain->decoder);
}

/*
 * CUPTI hands its last buffers over on a thread of its own; a short while later they must be here.
 */
static void buffers_settle(struct drain *drain)
{
	int64_t deadline = monotonic_ns() + SETTLE_MS * NS_PER_MS;
	while (cupti_source_outstanding() > 0 && monotonic_ns() < deadline) {
		queue_wait(drain->queue, 2 * NS_PER_MS);
		buffers_decode(drain);
	}
	if (cupti_source_outstanding() > 0)
		drain_loss(drain, "cupti", "activity buffers not returned at the end", 0);
	cupti_source_finish(gap_source_hear, drain);
}

static void cupti_pass(struct drain *drain, const struct drain_pass *pass)
{
	if (pass->is_last || pass->monotonic_ns >= drain->flush_due_ns) {
		cupti_source_flush(pass->is_last);
		if (!pass->is_last)
			cupti_source_watch(drain->log_count != 0, gap_source_hear, drain);
		drain->log_count = 0;
		drain->flush_due_ns =
			pass->monotonic_ns + drain->plan->settings->flush_ms * NS_PER_MS;
	}
	cupti_source_fill_ahead();
	buffers_decode(drain);
	if (pass->is_last)
		buffers_settle(drain);
	drain->pass_realtime_ns = pass->began_ns;
}

static int64_t cupti_due(struct drain *drain)
{
	return drain->flush_due_ns - monotonic_ns();
}

static void cupti_tell(struct drain *drain)
{
	cupti_source_take_losses(hear_source_loss, drain);
	if (drain->decoder != NULL)
		cupti_decoder_take_losses(drain->decoder, hear_decode_loss, drain);
}

const struct drain_source drain_source_cupti = {
	.name = "cupti", .begin = cupti_begin, .pass = cupti_pass, .due = cupti_due,
	.tell = cupti_tell,
};
