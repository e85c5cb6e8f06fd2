/* SPDX-License-Identifier: MIT */
#include "laggard/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Above the last name; what is wrong with them shows when the last one is made. */
static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		(void)mkdir(path, 0777);
		*slash = '/';
	}
}

bool folder_make(const char *path, bool *is_new, struct error *error)
{
	char copy[PATH_MAX];
	struct stat status;
	int length = snprintf(copy, sizeof copy, "%s", path);
	if (length <= 0 || length >= PATH_MAX)
		return fail(error, ERROR_INPUT, "cannot make folder '%.64s...': %s", path,
			    strerror(ENAMETOOLONG));
	make_parents(copy);
	bool is_made = mkdir(path, 0777) == 0;
	if (is_new != NULL)
		*is_new = is_made;
	if (is_made)
		return true;
	int reason = errno;
	if (reason == EEXIST && stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
		return fail(error, ERROR_INPUT, "'%s' is no folder", path);
	if (reason != EEXIST)
		return fail(error, ERROR_SYSTEM, "cannot make folder '%s': %s", path,
			    strerror(reason));
	if (access(path, W_OK | X_OK) != 0)
		return fail(error, ERROR_SYSTEM, "cannot write into folder '%s': %s", path,
			    strerror(errno));
	return true;
}
