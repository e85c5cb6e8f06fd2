/* SPDX-License-Identifier: MIT */
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DESCRIPTOR_WANTED = 4000,	/* high, yet the kernel's table stays small */
	DESCRIPTORS_BELOW_LIMIT = 24,	/* where the limit is lower */
};

int descriptor_least(void)
{
	struct rlimit limit;
	int least = DESCRIPTOR_WANTED;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < DESCRIPTOR_WANTED + DESCRIPTORS_BELOW_LIMIT)
		least = (int)limit.rlim_cur - DESCRIPTORS_BELOW_LIMIT;
	/* The numbers of the standard streams are not ours, even where they are closed. */
	return least < DESCRIPTOR_MIN ? DESCRIPTOR_MIN : least;
}

int descriptor_lift(int descriptor)
{
	struct stat before, after;
	if (descriptor < 0 || descriptor >= descriptor_least())
		return descriptor;
	int errno_before = errno;
	int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, descriptor_least());
	errno = errno_before;
	if (raised < 0)
		return descriptor;
	/* Not the program's, which may have got the number meanwhile. */
	if (fstat(descriptor, &before) == 0 && fstat(raised, &after) == 0 &&
	    before.st_dev == after.st_dev &&
	    before.st_ino == after.st_ino)
		(void)close(descriptor);
	return raised;
}
