/* SPDX-License-Identifier: MIT */
#include "tracedb/private_copy.h"

#include "base/array.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024, PATH_BYTES = 4096, TRIES_MAX = 1000 };

/* All folders that there are, so that they can be removed by whoever is left to do it. */
static struct {
	pthread_mutex_t lock;
	char **list;
	size_t count;
	size_t room;
} folders = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The lock is held. */
static bool folders_add(char *folder)
{
	char **list = array_grow(folders.list, &folders.room, folders.count, sizeof list[0]);
	if (list == NULL)
		return false;
	folders.list = list;
	list[folders.count++] = folder;
	return true;
}

static void folders_drop(const char *folder)
{
	(void)pthread_mutex_lock(&folders.lock);
	size_t at = 0;
	while (at < folders.count && folders.list[at] != folder)
		at++;
	if (at < folders.count)
		folders.list[at] = folders.list[--folders.count];
	if (folders.count == 0) {
		free(folders.list);
		folders.list = NULL;
		folders.room = 0;
	}
	(void)pthread_mutex_unlock(&folders.lock);
}

/* Under the lock: a folder is never there without standing in the list. */
static char *folder_create(char *path)
{
	char *folder = NULL;
	(void)pthread_mutex_lock(&folders.lock);
	if (mkdtemp(path) != NULL) {
		folder = strdup(path);
		if (folder == NULL || !folders_add(folder)) {
			(void)rmdir(path);
			free(folder);
			folder = NULL;
			errno = ENOMEM;
		}
	}
	int reason = errno;
	(void)pthread_mutex_unlock(&folders.lock);
	errno = reason;
	return folder;
}

bool private_folder_make(char **folder, struct error *error)
{
	const char *parent = getenv("TMPDIR");
	if (parent == NULL || parent[0] == 0)
		parent = "/tmp";
	char path[PATH_BYTES];
	int length = snprintf(path, sizeof path, "%s/laggard-XXXXXX", parent);
	errno = ENAMETOOLONG;
	*folder = length < 0 || (size_t)length >= sizeof path ? NULL : folder_create(path);
	return *folder != NULL ||
	       fail(error, ERROR_SYSTEM, "cannot make a temporary folder in '%s': %s", parent,
		    strerror(errno));
}

/* False: somebody made a file in it meanwhile. */
static bool folder_delete(const char *folder)
{
	DIR *directory = opendir(folder);
	if (directory != NULL) {
		const struct dirent *entry;
		while ((entry = readdir(directory)) != NULL)
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				(void)unlinkat(dirfd(directory), entry->d_name, 0);
		(void)closedir(directory);
	}
	return rmdir(folder) == 0 || errno == ENOENT;
}

void private_folder_remove(char *folder)
{
	if (folder == NULL)
		return;
	(void)folder_delete(folder);
	folders_drop(folder);
	free(folder);
}

void private_folders_abandon(void)
{
	(void)pthread_mutex_lock(&folders.lock);
	for (size_t i = 0; i < folders.count; i++)
		for (int tries = 0; tries < TRIES_MAX && !folder_delete(folders.list[i]); tries++)
			(void)sched_yield();
	/* The lock stays: what is made from now on would be left behind. */
}

static bool file_copy(const char *from, const char *to, bool is_optional, struct error *error)
{
	bool ok = false;
	char *buffer = NULL;
	FILE *out = NULL;
	FILE *in = fopen(from, "rbe");
	if (in == NULL) {
		if (is_optional && errno == ENOENT)
			return true;
		return fail(error, ERROR_INPUT, "cannot open '%s': %s", from, strerror(errno));
	}
	out = fopen(to, "wbxe");
	buffer = malloc(COPY_BYTES);
	if (out == NULL || buffer == NULL) {
		(void)fail(error, ERROR_SYSTEM, "cannot create '%s': %s", to, strerror(errno));
		goto out;
	}
	size_t size;
	while ((size = fread(buffer, 1, COPY_BYTES, in)) > 0)
		if (fwrite(buffer, 1, size, out) != size)
			break;
	if (ferror(in) || ferror(out) || fflush(out) != 0) {
		(void)fail(error, ERROR_SYSTEM, "cannot copy '%s' to '%s': %s", from, to,
			   strerror(errno));
		goto out;
	}
	ok = true;
out:
	free(buffer);
	if (out != NULL)
		(void)fclose(out);
	(void)fclose(in);
	return ok;
}

bool private_copy_make(const char *path, char **folder, char **copy, struct error *error)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	*folder = NULL;
	*copy = NULL;
	if (!private_folder_make(folder, error))
		return false;
	int from_length = snprintf(from, sizeof from, "%s-wal", path);
	int to_length = snprintf(to, sizeof to, "%s/trace.db-wal", *folder);
	bool ok = from_length > 0 && (size_t)from_length < sizeof from &&
		to_length > 0 && (size_t)to_length < sizeof to;
	if (!ok)
		(void)fail(error, ERROR_INPUT, "the name '%s' is too long", path);
	ok = ok && file_copy(from, to, true, error);
	to[ok ? to_length - 4 : 0] = 0;	/* without "-wal" */
	ok = ok && file_copy(path, to, false, error) && (*copy = strdup(to)) != NULL;
	if (!ok) {
		private_folder_remove(*folder);
		*folder = NULL;
	}
	return ok;
}
