/* SPDX-License-Identifier: MIT */
#include "viewer-export/format.h"

#include <assert.h>

const struct export_format *const export_formats[] = {
	&chrome_format,
	&perfetto_format,
	&html_format,
	&svg_format,
	&nsys_format,
	NULL,
};

static struct export_argument *argument_add(struct export_arguments *arguments, const char *key,
					    enum export_argument_type type)
{
	assert(arguments->count < EXPORT_ARGUMENTS_MAX);
	struct export_argument *argument = &arguments->list[arguments->count++];
	argument->key = key;
	argument->type = type;
	return argument;
}

void argument_add_integer(struct export_arguments *arguments, const char *key, int64_t number)
{
	argument_add(arguments, key, ARGUMENT_INTEGER)->number = number;
}

void argument_add_thousandths(struct export_arguments *arguments, const char *key, int64_t number)
{
	argument_add(arguments, key, ARGUMENT_THOUSANDTHS)->number = number;
}

void argument_add_triple(struct export_arguments *arguments, const char *key, int64_t x, int64_t y,
			 int64_t z)
{
	struct export_argument *argument = argument_add(arguments, key, ARGUMENT_TRIPLE);
	argument->number = x;
	argument->more[0] = y;
	argument->more[1] = z;
}

void argument_add_text(struct export_arguments *arguments, const char *key, const char *text)
{
	if (text != NULL && text[0] != 0)
		argument_add(arguments, key, ARGUMENT_TEXT)->text = text;
}
