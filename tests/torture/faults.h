/* SPDX-License-Identifier: MIT */
/*
 * Failing on order: the calls by which a program gets memory, disk space and bytes are wrapped by
 * the linker (part.mk), counted, and one of them, or all from one on, fails. A SQLite that is
 * linked statically is included; what a shared library does inside is not.
 *
 * Blocks that were taken and not given back are counted, too: a leak shows without a sanitizer.
 *
 * Thread: arm and disarm on one thread; the wrapped calls on any.
 */
#ifndef TESTS_TORTURE_FAULTS_H
#define TESTS_TORTURE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_kind {
	FAULT_MEMORY,	/* allocations; a thread that does not start */
	FAULT_WRITE,	/* files created, written, grown, renamed, closed: no space left */
	FAULT_READ,	/* files opened and read: an error of the device */
	FAULT_KIND_COUNT
};

/*
 * From now on calls are counted from 1, and the one numbered `number` (0: none) fails, or all from
 * it on.
 */
void faults_arm(enum fault_kind kind, int64_t number, bool is_lasting);

/* Calls of that kind since then; nothing fails any more. */
int64_t faults_disarm(void);

/* Nothing fails and nothing is counted until faults_resume: for a look at what was done. */
void faults_pause(void);
void faults_resume(void);

/* Blocks in use that were taken through the wrapped calls. */
size_t blocks_in_use(void);

#endif
