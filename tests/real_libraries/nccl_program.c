/* SPDX-License-Identifier: MIT */
/* nccl_program LIBRARY: the calls of nccl_play.h, and what they answer. */
#include "tests/real_libraries/nccl_play.h"

#include <dlfcn.h>

int main(int argc, char **argv)
{
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	if (library == NULL) {
		fprintf(stderr, "nccl_program: %s\n",
			argc == 2 ? dlerror() : "usage: nccl_program LIBRARY");
		return 2;
	}
	return nccl_play(library, stdout) ? 0 : 3;
}
