/* SPDX-License-Identifier: MIT */
#include "viewer-export/kernel_name.h"

#include <ctype.h>
#include <string.h>

static const char VOID[] = "void ";

/* The parenthesis that opens what the last byte closes; NULL if they do not match. */
static const char *opening_parenthesis(const char *name, size_t length)
{
	size_t depth = 0;
	for (size_t i = length; i-- > 0;) {
		if (name[i] == ')')
			depth++;
		else if (name[i] == '(' && --depth == 0)
			return name + i;
	}
	return NULL;
}

struct name_part kernel_name_short(const char *name, const char **parameters)
{
	size_t length = strlen(name);
	*parameters = "";
	if (length == 0 || name[length - 1] != ')')
		return (struct name_part){ name, length };
	const char *open = opening_parenthesis(name, length);
	/* "(anonymous namespace)" alone, or a remark behind a space, are no parameters. */
	if (open == NULL || open == name ||
	    (!isalnum((unsigned char)open[-1]) && strchr("_>)]", open[-1]) == NULL))
		return (struct name_part){ name, length };
	*parameters = open;
	size_t skipped = strncmp(name, VOID, sizeof VOID - 1) == 0 ? sizeof VOID - 1 : 0;
	if (open == name + skipped)
		skipped = 0;
	return (struct name_part){ name + skipped, (size_t)(open - name) - skipped };
}

struct name_part call_name_short(const char *name)
{
	size_t length = strlen(name);
	size_t digits = 0;
	while (digits < length && isdigit((unsigned char)name[length - 1 - digits]))
		digits++;
	if (digits >= 4 && length > digits + 2 && name[length - digits - 1] == 'v' &&
	    name[length - digits - 2] == '_')
		length -= digits + 2;
	return (struct name_part){ name, length };
}
