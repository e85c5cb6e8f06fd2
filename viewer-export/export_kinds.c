/* SPDX-License-Identifier: MIT */
/* What to write, by the words of a command line. */
#include "viewer-export/export.h"

#include <string.h>

static const struct { const char *name; unsigned kinds; } kind_names[] = {
	{ "kernels", EXPORT_KERNELS }, { "copies", EXPORT_COPIES },
	{ "gpu", EXPORT_KERNELS | EXPORT_COPIES }, { "calls", EXPORT_CALLS },
	{ "ranges", EXPORT_RANGES }, { "sync", EXPORT_SYNC }, { "nccl", EXPORT_NCCL },
	{ "overhead", EXPORT_OVERHEAD }, { "counters", EXPORT_COUNTERS },
	{ "flows", EXPORT_FLOWS }, { "analysis", EXPORT_ANALYSIS },
	{ "losses", EXPORT_LOSSES }, { "all", EXPORT_ALL },
};

static bool kind_find(const char *word, size_t length, unsigned *kinds)
{
	for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
		if (strlen(kind_names[i].name) == length &&
		    memcmp(kind_names[i].name, word, length) == 0) {
			*kinds |= kind_names[i].kinds;
			return true;
		}
	return false;
}

bool export_kinds_parse(const char *list, unsigned *kinds, struct error *error)
{
	*kinds = 0;
	for (const char *word = list;; ) {
		size_t length = strcspn(word, ",");
		if (!kind_find(word, length, kinds))
			return fail(error, ERROR_USAGE,
				    "nothing to export is called '%.*s': kernels, "
				    "copies, gpu, calls, ranges, sync, nccl, overhead, counters, "
				    "flows, analysis, losses, all",
				    (int)(length < 100 ? length : 100), word);
		if (word[length] == 0)
			return true;
		word += length + 1;
	}
}
