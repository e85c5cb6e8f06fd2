/* SPDX-License-Identifier: MIT */
/*
 * Work in a child process, with a private folder for its temporary files: it can be ended at any
 * time, and then nothing of it is left.
 *
 *     background_begin(&work, function, context, error)	before threads and databases
 *     background_go(&work, error)		signals: background_signals() are blocked
 *     ... sigwait; at SIGCHLD background_is_over(&work, &status) ...
 *     background_end(&work)
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_BACKGROUND_H
#define LAGGARD_BACKGROUND_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct background {
	pid_t child;		/* 0: none, or it was waited for */
	int go;			/* end of a pipe; -1: closed */
	char *folder;		/* NULL until it goes */
};

/* SIGINT, SIGTERM, SIGHUP: what ends a command. And SIGCHLD. */
sigset_t background_signals(void);

/* What the child does, once it may: TMPDIR is `folder`. Returns its exit status. */
typedef int (*background_work)(void *context, const char *folder);

/*
 * The child waits for background_go, so that it can be started before there are threads and open
 * databases, which it must not inherit. It ignores SIGINT and SIGHUP: the parent ends it.
 */
bool background_begin(struct background *background, background_work work, void *context,
		      struct error *error);
bool background_go(struct background *background, struct error *error);

/* True once, when it has ended: `*status` is then its exit status, -1 after a signal. */
bool background_is_over(struct background *background, int *status);

/* Ends it if it still runs; removes the folder and all in it. */
void background_end(struct background *background);

#endif
