/* SPDX-License-Identifier: MIT */
/*
 * Errors as values. A function that can fail returns bool and takes a `struct error *` last; the
 * first failure fills it and everybody above passes it on or puts context before it. Only main
 * prints.
 *
 * Thread: an error belongs to its caller; no shared state.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

enum error_kind {
	ERROR_NONE = 0,
	ERROR_USAGE,	/* the command line is wrong: exit status 2 */
	ERROR_INPUT,	/* a file is missing, foreign, truncated or malformed: exit status 3 */
	ERROR_SYSTEM,	/* the system refused: memory, disk, permission: exit status 3 */
};

enum { ERROR_MESSAGE_MAX = 1024 };

struct error {
	enum error_kind kind;
	char message[ERROR_MESSAGE_MAX]; /* lower case, subject in single quotes, no newline */
};

/* Fill `error` (may be NULL) and return false, so that `return fail(...)` reads well. */
bool fail(struct error *error, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "<context>: " before the message that is already there; always returns false. */
bool fail_within(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Exit status that DESIGN.md section 6 gives to a kind: 0, 2 or 3. */
int error_exit_status(enum error_kind kind);

#endif
