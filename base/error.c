/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* Messages quote names from foreign files: a control character must not reach a terminal. */
static void message_make_printable(char *message)
{
	for (unsigned char *at = (unsigned char *)message; *at != 0; at++)
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
}

bool fail(struct error *error, enum error_kind kind, const char *format, ...)
{
	if (error == NULL)
		return false;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(error->message, sizeof error->message, format, arguments);
	va_end(arguments);
	message_make_printable(error->message);
	error->kind = kind;
	return false;
}

bool fail_within(struct error *error, const char *format, ...)
{
	if (error == NULL)
		return false;
	char inner[ERROR_MESSAGE_MAX];
	memcpy(inner, error->message, sizeof inner);
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(error->message, sizeof error->message, format, arguments);
	va_end(arguments);
	size_t used = length < 0 ? 0 : (size_t)length;
	if (used >= sizeof error->message)
		used = sizeof error->message - 1;
	/* Cut quietly: the outer context is what a reader needs first. */
	char *to = error->message + used;
	size_t room = sizeof error->message - 1 - used;
	if (room >= 2) {
		memcpy(to, ": ", 2);
		size_t size = strnlen(inner, sizeof inner - 1);
		if (size > room - 2)
			size = room - 2;
		memcpy(to + 2, inner, size);
		to[2 + size] = 0;
	}
	message_make_printable(error->message);
	return false;
}

int error_exit_status(enum error_kind kind)
{
	switch (kind) {
	case ERROR_NONE:
		return 0;
	case ERROR_USAGE:
		return 2;
	case ERROR_INPUT:
	case ERROR_SYSTEM:
		return 3;
	}
	return 3;
}
