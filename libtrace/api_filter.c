/* SPDX-License-Identifier: MIT */
#include "libtrace/api_filter.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Length of the name without what CUPTI appends: "_v7000", and before it "_ptsz" or "_ptds". */
static size_t bare_length(const char *name)
{
	size_t length = strlen(name);
	size_t digits = length;
	while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
		digits--;
	if (digits < length && digits >= 2 && name[digits - 1] == 'v' && name[digits - 2] == '_')
		length = digits - 2;
	if (length > 5 && (memcmp(name + length - 5, "_ptsz", 5) == 0 ||
			   memcmp(name + length - 5, "_ptds", 5) == 0))
		length -= 5;
	return length;
}

bool api_filter_skips(const struct api_filter *filter, const char *name)
{
	if (filter->skip == NULL)
		return false;
	size_t length = bare_length(name);
	for (const char *at = filter->skip; *at != 0;) {
		size_t size = strcspn(at, ",");
		const char *next = at[size] == 0 ? at + size : at + size + 1;
		while (size > 0 && *at == ' ') {
			at++;
			size--;
		}
		while (size > 0 && at[size - 1] == ' ')
			size--;
		bool is_prefix = size > 0 && at[size - 1] == '*';
		if (is_prefix ? length >= size - 1 && strncmp(at, name, size - 1) == 0
			      : size > 0 && length == size && strncmp(at, name, size) == 0)
			return true;
		at = next;
	}
	return false;
}

/* Words whose calls start GPU work, move memory, allocate, or wait. */
static bool is_launch_or_wait(const char *name)
{
	static const char *const words[] = {
		"Launch",	"Memcpy",   "Memset",	  "Synchronize", "WaitEvent",
		"EventRecord",	"Malloc",   "Free",	  "MemAlloc",	 "HostAlloc",
		"HostRegister", "Prefetch", "BatchMemOp", "WaitValue",
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strstr(name, words[i]) != NULL)
			return true;
	return false;
}

bool api_filter_keeps(const struct api_filter *filter, const char *name)
{
	if (filter->is_launches_only && !is_launch_or_wait(name))
		return false;
	return !api_filter_skips(filter, name);
}
