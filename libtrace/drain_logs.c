/* SPDX-License-Identifier: MIT */
#include "libtrace/drain_private.h"
#include "libtrace/thread_log.h"

static void record_take(void *context, const struct log_record *record)
{
	struct drain *drain = context;
	if (drain->flight != NULL)
		flight_keep_log(drain->flight, record);
	else
		drain_consume(drain, record);
}

static void logs_pass(struct drain *drain, const struct drain_pass *pass)
{
	/* Nothing is added any more, or the end would run after a thread that never stops. */
	if (pass->is_last)
		thread_log_stop();
	do
		drain->log_count += thread_log_drain(record_take, drain);
	while (pass->is_last && thread_log_is_behind());
}

static int64_t logs_due(struct drain *drain)
{
	(void)drain;
	return thread_log_is_behind() ? 0 : INT64_MAX;
}

static void logs_tell(struct drain *drain)
{
	if (thread_log_was_refused())
		drain_loss(drain, "nvtx", "disabled: no memory for its events (LAGGARD_LOG_MB)",
			   0);
	for (int i = LOG_SOURCE_NVTX; i < LOG_SOURCE_COUNT; i++) {
		int64_t lost = thread_log_take_lost((enum log_source)i);
		if (lost != 0)
			drain_loss(drain, drain->logs[i]->name,
				   "no room in the thread logs (LAGGARD_LOG_MB)", lost);
	}
}

const struct drain_source drain_source_logs = {
	.pass = logs_pass, .due = logs_due, .tell = logs_tell, .close = thread_log_stop,
};
