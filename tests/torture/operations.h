/* SPDX-License-Identifier: MIT */
/*
 * What is tortured: operations on traces that work on the files of one folder, from start to end.
 *
 * Thread: one thread.
 */
#ifndef TESTS_TORTURE_OPERATIONS_H
#define TESTS_TORTURE_OPERATIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* in/ holds what is read, out/ takes what is written; both below `root`. */
struct place {
	const char *root;
	char in[256];
	char out[256];
};

struct outcome {
	uint64_t signature;	/* of all that came out: the same after every success */
	int64_t loss_count;	/* of what was not taken over, as the database says */
	bool is_loss_told;	/* less came out, and it says so */
};

struct operation {
	const char *name;
	bool (*run)(const struct place *place, struct outcome *outcome, struct error *error);
	/*
	 * Not NULL: a failure leaves what was written until then, and this says whether it is
	 * sound.
	 */
	bool (*check_left)(const struct place *place, struct error *error);
};

extern const struct operation operations[];
extern const int operation_count;

/* Puts the files that the operations read into in/. */
void operations_prepare(const struct place *place);

#endif
