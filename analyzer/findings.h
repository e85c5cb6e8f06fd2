/* SPDX-License-Identifier: MIT */
/*
 * Findings: what a person should look at, as numbers and an id. What kinds there are, their
 * thresholds, sentences and advice stand in findings.def; findings.c and its neighbours
 * (finding_*.c) decide which are made, finding_words.c writes the sentences.
 *
 * Thread: pure functions.
 */
#ifndef ANALYZER_FINDINGS_H
#define ANALYZER_FINDINGS_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report;

enum finding_id {
#define FINDING(enumerator, name, warning, error, one, all, advice, evidence) enumerator,
#include "analyzer/findings.def"
#undef FINDING
	FINDING_COUNT
};

enum severity { SEVERITY_NONE, SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	enum finding_id id;
	enum severity severity;
	/* GPU time concerned; where recoverable_ns > 0 that very time. 0 about the capture. */
	int64_t gpu_ns;
	int64_t recoverable_ns;	/* GPU time that repairing it would save; what findings rank by */
	int64_t per_step_ns;	/* a step would be shorter by this; -1 unknown */
	int64_t share_e12;	/* of all GPU time; lambda for imbalance; -1 without */
	int64_t count;		/* GPUs, traces, records, ranks, copies: as the sentence says */
	size_t gpu;		/* the GPU it is about, or that shows it most; SIZE_MAX without */
	bool is_accusation;	/* the GPU makes others wait */
	int64_t a, b;		/* further numbers of the sentence */
	const char *words;	/* a name in the sentence: static, or in the report's arena */
};

const char *finding_name(enum finding_id id);
const char *severity_name(enum severity severity);
const char *finding_advice(enum finding_id id);

/* From which share on, in per mille; 0: always, 1000: never. */
void finding_thresholds(enum finding_id id, int64_t *warning_permille, int64_t *error_permille);

/* An id by its name; false: there is no such kind. */
bool finding_find(const char *name, enum finding_id *id);

/* The sentence without its end. Kinds whose sentence is NULL in the table are report_words.c's. */
void finding_add_words(struct text *out, const struct report *report,
		       const struct finding *finding);

/* A question in SQL to the analysis database that shows the numbers behind it; "" without. */
void finding_add_evidence(struct text *out, const struct report *report,
			  const struct finding *finding);

/* Fills report->findings from the rest of the report, most recoverable time first. */
bool findings_find(struct report *report, struct error *error);

/* For the files that make findings: adds one, rates it. False: memory is short. */
bool finding_add(struct report *report, const struct finding *finding);
enum severity finding_severity(enum finding_id id, int64_t share_e12);

/* The groups of findings, each in a file of its own. */
bool findings_find_stragglers(struct report *report);	/* finding_stragglers.c */
bool findings_find_causes(struct report *report);	/* finding_causes.c */
bool findings_find_host(struct report *report);		/* finding_host.c */
bool findings_find_transfers(struct report *report);	/* finding_transfers.c */
bool findings_find_devices(struct report *report);	/* finding_devices.c */
bool findings_find_hangs(struct report *report);	/* finding_hang.c */

#endif
