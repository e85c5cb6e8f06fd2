/* SPDX-License-Identifier: MIT */
#include "libtrace/own_thread.h"

#include <pthread.h>
#include <signal.h>

bool own_thread_start(void *(*run)(void *), void *argument, size_t stack_bytes)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	(void)sigfillset(&all);
	if (pthread_attr_init(&attributes) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, stack_bytes);
	/* The new thread inherits the mask. */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	bool ok = pthread_create(&thread, &attributes, run, argument) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return ok;
}
