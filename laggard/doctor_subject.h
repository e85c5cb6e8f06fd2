/* SPDX-License-Identifier: MIT */
/*
 * What `laggard doctor` looks at: this machine as it would meet a program started now, or a running
 * process. Files of the system are read below a root folder, "" but in tests.
 *
 * Thread: one thread.
 */
#ifndef LAGGARD_DOCTOR_SUBJECT_H
#define LAGGARD_DOCTOR_SUBJECT_H

#include "base/error.h"
#include "libtrace/mapped_objects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doctor_subject {
	const char *root;	/* before /proc, /sys, /usr, ...; borrowed */
	int64_t pid;		/* of the running process, -1: none */
	char *variables;	/* NAME=VALUE, each terminated, an empty one at the end */
	char *objects;		/* paths of shared objects in the same form: mapped, or at hand */
};

/* A program that would be started now, with this environment (ends with NULL). */
bool doctor_subject_begin(struct doctor_subject *subject, const char *root,
			  const char *const *environment, struct error *error);

/* A running process. Fails with ERROR_INPUT where it is not there, or may not be looked at. */
bool doctor_subject_of_process(struct doctor_subject *subject, const char *root, int64_t pid,
			       struct error *error);
void doctor_subject_end(struct doctor_subject *subject);

/* As getenv. */
const char *doctor_variable(const struct doctor_subject *subject, const char *name);
/* The first or next "NAME=VALUE" that begins with `prefix`; NULL after the last. */
const char *doctor_variable_next(const struct doctor_subject *subject, const char *before,
				 const char *prefix);

/* The first or next object whose file name begins with `prefix`; NULL after the last. */
const char *doctor_object_next(const struct doctor_subject *subject, const char *before,
			       const char *prefix);

/* The begin of a file of the system; its length, -1 where it cannot be read. */
int64_t doctor_file_read(const struct doctor_subject *subject, const char *path, char *text,
			 size_t size);
bool doctor_file_exists(const struct doctor_subject *subject, const char *path);

#endif
