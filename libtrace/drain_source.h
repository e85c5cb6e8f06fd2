/* SPDX-License-Identifier: MIT */
/*
 * What a source is to the drain: functions that it calls at its moments. A new source is one word
 * in DRAIN_SOURCES and a `const struct drain_source drain_source_<word>` in the source's own file;
 * a function that it does not need stays NULL. At each moment the sources come in the order of the
 * list.
 *
 * Thread: drain thread only.
 */
#ifndef LIBTRACE_DRAIN_SOURCE_H
#define LIBTRACE_DRAIN_SOURCE_H

#include "libtrace/drain.h"
#include "libtrace/thread_log.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The order has reasons: the window is looked at before the records are that it lets in; the logs
 * are read after the buffers, because a launch in them is known by then; what the system says of
 * versions comes before what NVML says.
 */
#define DRAIN_SOURCES(SOURCE) \
	SOURCE(window) SOURCE(cupti) SOURCE(logs) SOURCE(nvtx) SOURCE(nccl) SOURCE(facts) \
	SOURCE(nvml) SOURCE(control) SOURCE(host)

struct drain_pass {
	int64_t began_ns;	/* CLOCK_REALTIME */
	int64_t monotonic_ns;	/* the same moment */
	bool is_last;
	bool is_second;		/* a second is over since the last pass that said so */
};

struct drain_source {
	const char *name;	/* as in table `loss` */

	/* Before the first pass, the file is open. What is missing by somebody's wish is told. */
	void (*begin)(struct drain *drain, const struct drain_plan *plan);

	/* Many times a second: writes the rows of what came since. */
	void (*pass)(struct drain *drain, const struct drain_pass *pass);

	/* How long until it wants the next pass; INT64_MAX: it does not matter. */
	int64_t (*due)(struct drain *drain);

	/*
	 * Of a source whose events stand in the thread logs: one of them. They may be those of a
	 * dump, which begins anew after `finish`.
	 */
	enum log_source log;
	void (*consume)(struct drain *drain, const struct log_record *record);

	/* The last pass is over; `stop_ns` is the end of the trace, since its epoch. */
	void (*finish)(struct drain *drain, int64_t stop_ns);

	/* Each second and after the end: what was lost since the last call. */
	void (*tell)(struct drain *drain);

	/* The thread ends, in whatever way, perhaps before `begin`. */
	void (*close)(void);
};

#define DRAIN_SOURCE_DECLARE(word) extern const struct drain_source drain_source_##word;
DRAIN_SOURCES(DRAIN_SOURCE_DECLARE)
#undef DRAIN_SOURCE_DECLARE

/* A record of the thread logs goes to its source; those sources end. */
void drain_consume(struct drain *drain, const struct log_record *record);
void drain_finish_logs(struct drain *drain, int64_t stop_ns);

#endif
