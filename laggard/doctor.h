/* SPDX-License-Identifier: MIT */
/*
 * `laggard doctor`: checks of the machine, the installation and, if asked, a running process, each
 * with what to do about it. A check is a function that says what it found; groups of them are in
 * files doctor_<group>.c.
 *
 * Nothing here starts CUDA on a GPU (no cuInit), changes anything, or needs to be root.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_DOCTOR_H
#define LAGGARD_DOCTOR_H

#include "base/arena.h"
#include "base/text.h"
#include "laggard/doctor_subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum doctor_level { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_PROBLEM };

struct doctor_check {
	const char *group;
	const char *id;
	enum doctor_level level;
	const char *said;
	const char *remedy;	/* NULL where nothing is to be done */
};

enum { DOCTOR_CHECKS_MAX = 256, DOCTOR_GPUS_MAX = 64 };

/* What checks of one group find out for others. */
struct doctor {
	struct arena *arena;
	const struct doctor_subject *subject;
	struct doctor_check checks[DOCTOR_CHECKS_MAX];
	size_t count;
	size_t dropped;		/* checks that had no room */
	const char *group;	/* of the checks said now */
	size_t gpu_count;
	int cuda_version;	/* that the driver can, 13000; 0 if unknown */
	char pci_ids[DOCTOR_GPUS_MAX][16];	/* "0000:01:00.0", as in /sys */
};

/* Says what a check found; `remedy` is a constant text or NULL. */
void doctor_say(struct doctor *doctor, const char *id, enum doctor_level level,
		const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

size_t doctor_count(const struct doctor *doctor, enum doctor_level level);

/* The groups, in the order in which they are run. */
void doctor_check_driver(struct doctor *doctor);
void doctor_check_gpus(struct doctor *doctor);
void doctor_check_cupti(struct doctor *doctor);
void doctor_check_nccl(struct doctor *doctor);
void doctor_check_tools(struct doctor *doctor);
void doctor_check_settings(struct doctor *doctor);
void doctor_check_system(struct doctor *doctor);
void doctor_check_output(struct doctor *doctor, const char *folder);

/* The result for a person, and for a program. */
void doctor_add_text(struct text *out, const struct doctor *doctor);
void doctor_add_json(struct text *out, const struct doctor *doctor);

#endif
