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
	struct file_identity ours;
	if (descriptor < 0 || descriptor >= descriptor_least())
		return descriptor;
	int errno_before = errno;
	int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, descriptor_least());
	/* Not the program's, which may have got the number meanwhile. */
	if (raised >= 0 && file_identity_of_descriptor(&ours, raised) &&
	    descriptor_is_of(descriptor, &ours))
		(void)close(descriptor);
	errno = errno_before;
	return raised < 0 ? descriptor : raised;
}

bool file_identity_of_path(struct file_identity *identity, const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return false;
	*identity = (struct file_identity){ status.st_dev, status.st_ino };
	return true;
}

bool file_identity_of_descriptor(struct file_identity *identity, int descriptor)
{
	struct stat status;
	if (fstat(descriptor, &status) != 0)
		return false;
	*identity = (struct file_identity){ status.st_dev, status.st_ino };
	return true;
}

bool file_identity_equals(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode;
}

bool descriptor_is_of(int descriptor, const struct file_identity *identity)
{
	struct file_identity now;
	return descriptor >= 0 && file_identity_of_descriptor(&now, descriptor) &&
	       file_identity_equals(&now, identity);
}
