/* SPDX-License-Identifier: MIT */
/*
 * rig-strides LIBRARY: the record size of every kind in a libcupti, real or double, measured
 * through cuptiActivityGetNextRecord, and the names of the calls that the rig knows. No driver is
 * needed.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

static uint32_t words[16384];

int main(int argc, char **argv)
{
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	int (*next)(uint8_t *, size_t, void **);
	int (*callback_name)(uint32_t, uint32_t, const char **);
	int (*get_version)(uint32_t *);
	uint32_t version = 0;

	if (!library) {
		fprintf(stderr, "rig-strides: %s\n",
			argc == 2 ? dlerror() : "usage: rig-strides LIBRARY");
		return 2;
	}
	*(void **)(&next) = dlsym(library, "cuptiActivityGetNextRecord");
	*(void **)(&callback_name) = dlsym(library, "cuptiGetCallbackName");
	*(void **)(&get_version) = dlsym(library, "cuptiGetVersion");
	if (!next || !callback_name || !get_version)
		return 2;
	get_version(&version);
	printf("version %u\n", version);
	for (uint32_t kind = 1; kind < 64; kind++) {
		void *first = NULL, *second;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			words[i] = kind;
		if (next((uint8_t *)words, sizeof(words), &first))
			continue;
		second = first;
		if (!next((uint8_t *)words, sizeof(words), &second))
			printf("kind %u %td\n", kind, (char *)second - (char *)first);
	}
	for (uint32_t domain = 1; domain <= 2; domain++) {
		for (uint32_t cbid = 1; cbid < 900; cbid++) {
			const char *name = NULL;

			if (!callback_name(domain, cbid, &name) && name)
				printf("name %u %u %s\n", domain, cbid, name);
		}
	}
	return 0;
}
