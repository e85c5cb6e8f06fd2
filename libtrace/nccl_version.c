/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_version.h"

#include "libtrace/mapped_objects.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int (*get_version_function)(int *version);

/* 2.8.4 is 2804, 2.28.9 is 22809: the scheme changed with 2.9. */
void nccl_version_format(char *to, size_t size, int code)
{
	int major = code < 10000 ? code / 1000 : code / 10000;
	int minor = code < 10000 ? code % 1000 / 100 : code % 10000 / 100;
	(void)snprintf(to, size, "%d.%d.%d", major, minor, code % 100);
}

/* NCCL itself, or the libraries known to carry a static copy of it. */
static void *get_version_find(void)
{
	static const char *const prefixes[] = { "libnccl.so", "libtorch_cuda" };
	char path[MAPPED_PATH_MAX];
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		void *symbol = NULL;
		if (mapped_object_find(prefixes[i], path))
			symbol = mapped_object_symbol(path, "ncclGetVersion");
		if (symbol != NULL)
			return symbol;
	}
	return dlsym(RTLD_DEFAULT, "ncclGetVersion");
}

void nccl_version_note(struct drain *drain)
{
	static int tries_left = 8;	/* a library without the function will not get it */
	char version[32];
	get_version_function get_version;
	int code = 0;
	if (tries_left == 0)
		return;
	tries_left--;
	void *symbol = get_version_find();
	if (symbol == NULL)
		return;
	memcpy(&get_version, &symbol, sizeof get_version);
	if (get_version(&code) != 0)
		return;
	tries_left = 0;
	nccl_version_format(version, sizeof version, code);
	drain_trace_row(drain)->nccl_version = drain_keep_text(drain, version);
}
