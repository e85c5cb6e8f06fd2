/* SPDX-License-Identifier: MIT */
/*
 * The steps of one run, as far as two runs are compared by them: how long each took and where the
 * time went. Made of a report, or read from what an earlier analysis left: its sidecar, or its
 * report in JSON.
 *
 * Thread: one thread at a time.
 */
#ifndef ANALYZER_RUN_STEPS_H
#define ANALYZER_RUN_STEPS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct report;

enum { RUN_PARTS_MAX = 64 };

/*
 * Names are those of the report: "compute", "comm", "comm-wait", "comm-transfer", "copy", "idle",
 * and "idle/<cause>" for each cause.
 */
struct run_part {
	const char *name;
	int64_t *ns;		/* for each step, the mean over the GPUs */
};

struct run_steps {
	struct arena *arena;	/* everything below lives in it */
	const char *path;	/* where it was read, for messages */
	const char *anchor;	/* what divides the steps; "" if unknown */
	int64_t ranks;		/* of the job, -1 if unknown */
	int64_t gpu_count;	/* captured */
	int64_t kernels;	/* a step, on all GPUs together (median); -1 if unknown */
	size_t count;		/* steady steps that all GPUs have */
	int64_t *duration_ns;	/* the longest over the GPUs */
	struct run_part parts[RUN_PARTS_MAX];
	size_t part_count;
};

/* Either of the two, by the content of the file. `run` needs run_steps_end only on success. */
bool run_steps_read(struct run_steps *run, const char *path, struct error *error);
void run_steps_end(struct run_steps *run);

/* The values of a part, or NULL. */
const int64_t *run_steps_part(const struct run_steps *run, const char *name);

/*
 * For those who make one: the steps one after the other, each with what is known of it on one GPU
 * at a time. Steps with fewer GPUs than others are left out at the end.
 */
struct run_builder;

bool run_builder_begin(struct run_builder **out, const char *path, struct error *error);
/* Step `number` took so long on one more GPU, in which `kernels` started (-1: not known). */
bool run_builder_add_step(struct run_builder *builder, int64_t number, int64_t duration_ns,
			  int64_t kernels, struct error *error);
/* Adds to a part of a step; a step that was not added is ignored. */
bool run_builder_add_part(struct run_builder *builder, int64_t number, const char *name, int64_t ns,
			  struct error *error);
/* `run` takes over; the builder is gone, also on failure. */
bool run_builder_finish(struct run_builder *builder, struct run_steps *run, struct error *error);
void run_builder_abandon(struct run_builder *builder);	/* NULL is fine */

/*
 * The sources. `path` of a report is what messages name. With an explicit window steps have no
 * parts: only what lies in it was measured.
 */
bool run_steps_of_report(struct run_steps *run, const struct report *report, const char *path,
			 struct error *error);
bool run_steps_read_sidecar(struct run_steps *run, const char *path, struct error *error);
bool run_steps_read_json(struct run_steps *run, const char *path, struct error *error);

#endif
