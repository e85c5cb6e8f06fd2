/* SPDX-License-Identifier: MIT */
#include "laggard/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TALK_LENGTH_MAX = 4096 };

void standard_files_guard(void)
{
	for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
		if (fcntl(file, F_GETFD) < 0 && errno == EBADF)
			/*
			 * Lower numbers are taken, so this one is given. Read-only: a result must
			 * not vanish.
			 */
			(void)open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* One write a line, so that the lines of several processes do not mix. */
static void talk(const char *prefix, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
static void talk(const char *prefix, const char *format, va_list arguments)
{
	char line[TALK_LENGTH_MAX];
	int used = snprintf(line, sizeof line - 1, "laggard: %s", prefix);
	int length = vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
	if (length < 0)
		return;
	size_t size = strlen(line);
	line[size++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, size);
	(void)written;	/* there is nobody left to tell */
}

void talk_error(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	talk("error: ", format, arguments);
	va_end(arguments);
}

void talk_note(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	talk("", format, arguments);
	va_end(arguments);
}

/* False with errno. */
static bool write_all(int file, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(file, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

static bool write_stdout(const struct text *text, struct error *error)
{
	if (write_all(STDOUT_FILENO, text_string(text), text->length) || errno == EPIPE)
		return true;
	return fail(error, ERROR_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

/*
 * A half-written result is worse than none; what is no regular file (a pipe, a device) is not ours
 * to remove.
 */
static void remove_regular(const char *path)
{
	struct stat status;
	if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
		(void)unlink(path);
}

bool result_write(const char *path, const struct text *text, struct error *error)
{
	if (!text_is_ok(text))
		return fail(error, ERROR_SYSTEM, "memory is short for the result");
	if (path == NULL || strcmp(path, "-") == 0)
		return write_stdout(text, error);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		return fail(error, ERROR_SYSTEM, "cannot create '%s': %s", path, strerror(errno));
	bool is_written = write_all(file, text_string(text), text->length);
	int reason = errno;
	if (close(file) != 0 && is_written) {
		is_written = false;
		reason = errno;
	}
	if (is_written)
		return true;
	remove_regular(path);
	return fail(error, ERROR_SYSTEM, "cannot write '%s': %s", path, strerror(reason));
}

bool result_write_line(const char *line, struct error *error)
{
	struct text text;
	text_begin(&text, TALK_LENGTH_MAX * 2);
	text_add(&text, line);
	text_add_char(&text, '\n');
	bool ok = result_write(NULL, &text, error);
	text_end(&text);
	return ok;
}

bool stdout_reader_is_gone(void)
{
	struct pollfd end = { .fd = STDOUT_FILENO, .events = POLLOUT };
	return poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

bool stdout_wants_color(void)
{
	const char *terminal = getenv("TERM");
	const char *refused = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0 &&
	       (refused == NULL || refused[0] == 0);
}

void text_add_shell_word(struct text *text, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./+,:@%=";
	if (path[0] != 0 && path[strspn(path, plain)] == 0) {
		text_add(text, path);
		return;
	}
	text_add_char(text, '\'');
	for (; *path != 0; path++) {
		if (*path == '\'')
			text_add(text, "'\\''");
		else
			text_add_char(text, *path);
	}
	text_add_char(text, '\'');
}
