/* SPDX-License-Identifier: MIT */
/*
 * Findings: what a person should look at, as numbers and an id. The sentences stand in
 * report_words.c.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_FINDINGS_H
#define ANALYZER_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

struct report;

/*
 * FINDING(ENUMERATOR, id, warning above, error above): the last two are shares in per mille (of
 * lambda for imbalance); 0 there means that the finding has this severity whenever it is made.
 */
#define FINDING_LIST(FINDING) \
	FINDING(FINDING_IDLE, "gpu-idle", 30, 150) \
	FINDING(FINDING_COMMUNICATION, "exposed-communication", 30, 150) \
	FINDING(FINDING_COPY, "exposed-copy", 30, 150) \
	FINDING(FINDING_IMBALANCE, "compute-imbalance", 100, 200) \
	FINDING(FINDING_TRACE_UNREADABLE, "trace-unreadable", 0, 0) \
	FINDING(FINDING_RECORDS_LOST, "records-lost", 0, 1000) \
	FINDING(FINDING_ROWS_REJECTED, "rows-rejected", 0, 1000) \
	FINDING(FINDING_GPU_TWICE, "gpu-counted-twice", 0, 1000) \
	FINDING(FINDING_TRACE_WITHOUT_GPU_WORK, "trace-without-gpu-work", 0, 1000) \
	FINDING(FINDING_RANKS_MISSING, "ranks-missing", 1000, 1000)

enum finding_id {
#define FINDING(enumerator, name, warning, error) enumerator,
	FINDING_LIST(FINDING)
#undef FINDING
	FINDING_COUNT
};

enum severity { SEVERITY_NONE, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	enum finding_id id;
	enum severity severity;
	int64_t gpu_ns;		/* GPU time concerned; 0 for findings about the capture */
	int64_t share_e12;	/* of all GPU time; lambda for imbalance; -1 without */
	int64_t count;		/* GPUs, traces, records or ranks, as the id says */
	size_t gpu;		/* the GPU that shows it most; SIZE_MAX without */
};

const char *finding_name(enum finding_id id);
const char *severity_name(enum severity severity);

/* Fills report->findings from the rest of the report, most GPU time first. */
void findings_find(struct report *report);

#endif
