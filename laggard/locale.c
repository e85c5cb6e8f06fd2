/* SPDX-License-Identifier: MIT */
#include "laggard/locale.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);
		if (value == NULL || value[0] == 0)
			continue;
		const char *charset = strchr(value, '.');
		return charset != NULL && (strncasecmp(charset + 1, "utf-8", 5) == 0 ||
					   strncasecmp(charset + 1, "utf8", 4) == 0);
	}
	return false;
}
