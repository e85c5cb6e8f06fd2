/* SPDX-License-Identifier: MIT */
#include "libtrace/notice.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { NOTICE_BYTES_MAX = 2048 };

/*
 * A reader of stderr that went away must not kill the host: the SIGPIPE that we raise is taken
 * back.
 */
static void write_quietly(const char *line, size_t length)
{
	sigset_t pipe_signal, before, pending;
	(void)sigemptyset(&pipe_signal);
	(void)sigaddset(&pipe_signal, SIGPIPE);
	bool is_blocked = pthread_sigmask(SIG_BLOCK, &pipe_signal, &before) == 0;
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	bool was_pending = sigismember(&pending, SIGPIPE) == 1;
	while (length > 0) {
		ssize_t written = write(STDERR_FILENO, line, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		line += written;
		length -= (size_t)written;
	}
	if (!is_blocked)
		return;
	if (!was_pending) {
		const struct timespec at_once = { 0, 0 };
		while (sigtimedwait(&pipe_signal, NULL, &at_once) < 0 && errno == EINTR)
			;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void notice(const char *format, ...)
{
	int errno_before = errno;
	char line[NOTICE_BYTES_MAX];
	int used = snprintf(line, sizeof line, "laggard: ");
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
	va_end(arguments);
	if (length >= 0) {
		size_t size = (size_t)used + (size_t)length;
		if (size > sizeof line - 2)
			size = sizeof line - 2;
		for (size_t i = 0; i < size; i++)
			if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
				/* names of other tools and files must not reach a terminal raw */
				line[i] = '?';
		line[size] = '\n';
		write_quietly(line, size + 1);
	}
	errno = errno_before;
}
