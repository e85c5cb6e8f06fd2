/* SPDX-License-Identifier: MIT */
/*
 * The other end of libtrace's control socket (libtrace/control.h says the protocol): finds recorded
 * processes, asks one, and says why one does not answer.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_CONTROL_CLIENT_H
#define LAGGARD_CONTROL_CLIENT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROL_ANSWER_MAX = 32 * 1024, CONTROL_FIELDS_MAX = 32 };

/* "name=value" pairs of an answer. */
struct control_answer {
	char bytes[CONTROL_ANSWER_MAX];
	struct { const char *name, *value; } fields[CONTROL_FIELDS_MAX];
	size_t count;
};

/* Sends a command to a process. False: no answer, or an error, which then says why. */
bool control_ask(struct control_answer *answer, int64_t pid, const char *command,
		 struct error *error);

/* The value, or "" where the answer has none; the number, or -1. Borrowed. */
const char *control_value(const struct control_answer *answer, const char *name);
int64_t control_number(const struct control_answer *answer, const char *name);

/* Processes of this user that can be asked, ascending; at most `room`. Returns how many. */
size_t control_processes_find(int64_t *pids, size_t room);

#endif
