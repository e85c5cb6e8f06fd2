/* SPDX-License-Identifier: MIT */
#include "laggard/huge_pages.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char variable[] = "GLIBC_TUNABLES";
/* 1: madvise() for what malloc takes from the system. Older C libraries do not heed it. */
static const char tunable[] = "glibc.malloc.hugetlb=1";

/* "always [madvise] never": "always" needs no asking, and with "never" it is in vain. */
static bool must_be_asked_for(void)
{
	char text[64] = "";
	int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t length = read(file, text, sizeof text - 1);
	(void)close(file);
	return length > 0 && strstr(text, "[madvise]") != NULL;
}

void huge_pages_use(char **argv)
{
	const char *now = getenv(variable);
	if (now != NULL) {
		if (strcmp(now, tunable) == 0)
			(void)unsetenv(variable);
		return;
	}
	if (!must_be_asked_for() || setenv(variable, tunable, 1) != 0)
		return;
	(void)execv("/proc/self/exe", argv);
	(void)unsetenv(variable);
}
