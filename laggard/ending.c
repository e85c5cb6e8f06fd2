/* SPDX-License-Identifier: MIT */
#include "laggard/ending.h"

#include "tracedb/private_copy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static pthread_mutex_t holding = PTHREAD_MUTEX_INITIALIZER;
static pthread_t watcher;
static bool is_watching;
static atomic_bool is_over;
static sigset_t ending;
static int wake_up;	/* one of them; 0: all are ignored */

static void *watch(void *nothing)
{
	int number;
	(void)nothing;
	if (sigwait(&ending, &number) != 0 || atomic_load(&is_over))
		return NULL;
	(void)pthread_mutex_lock(&holding);
	private_folders_abandon();
	(void)pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
	(void)raise(number);
	return NULL;
}

static void add_unless_ignored(int number)
{
	struct sigaction action;
	if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_IGN)
		return;
	(void)sigaddset(&ending, number);
	wake_up = number;
}

void ending_watch_begin(sigset_t *before)
{
	(void)sigemptyset(&ending);
	add_unless_ignored(SIGINT);
	add_unless_ignored(SIGTERM);
	add_unless_ignored(SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &ending, before);
	is_watching = wake_up != 0 && pthread_create(&watcher, NULL, watch, NULL) == 0;
	if (!is_watching)
		(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

void ending_watch_end(void)
{
	if (!is_watching)
		return;
	/* Not cancelled: sanitizers do not survive what that leaves of a stack. */
	atomic_store(&is_over, true);
	(void)pthread_kill(watcher, wake_up);
	(void)pthread_join(watcher, NULL);
	is_watching = false;
}

void ending_hold(void)
{
	(void)pthread_mutex_lock(&holding);
}

void ending_release(void)
{
	(void)pthread_mutex_unlock(&holding);
}
