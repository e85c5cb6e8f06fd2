/* SPDX-License-Identifier: MIT */
/*
 * A host that begins with CUDA, makes no context, and ends:
 *
 *     late LIBCUDA exit | _exit | quick_exit
 *
 * It loads the driver by name: the double of the rig, or none.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	void *driver = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (driver == NULL) {
		fprintf(stderr, "late: %s\n", dlerror());
		return 2;
	}
	int (*init)(unsigned) = NULL;
	*(void **)&init = dlsym(driver, "cuInit");
	if (init == NULL)
		return 2;
	int result = init(0);
	printf("cuInit: %d\n", result);
	fflush(stdout);
	if (strcmp(argv[2], "_exit") == 0)
		_exit(21);
	if (strcmp(argv[2], "quick_exit") == 0)
		quick_exit(22);
	return 23;
}
