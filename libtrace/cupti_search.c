/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_search.h"
#include "libtrace/mapped_objects.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CANDIDATE_MAX = 2 * MAPPED_PATH_MAX };

/*
 * Up to 11.x the SONAME carries the minor version. Newest first, because drivers take older
 * libraries.
 */
static const char *const names[] = {
	"libcupti.so.13",   "libcupti.so.12",	"libcupti.so.11.8", "libcupti.so.11.7",
	"libcupti.so.11.6", "libcupti.so.11.5", "libcupti.so.11.4", "libcupti.so.11.3",
	"libcupti.so.11.2", "libcupti.so.11.1", "libcupti.so.11.0", "libcupti.so",
};
enum { NAME_COUNT = sizeof names / sizeof names[0] };

struct search {
	const struct cupti_surroundings *surroundings;
	cupti_try try_candidate;
	void *context;
	char preferred[32];	/* "libcupti.so.12": what goes with the mapped CUDA runtime */
};

static bool own_find(const void *context, const char *prefix, char path[MAPPED_PATH_MAX])
{
	(void)context;
	return mapped_object_find(prefix, path);
}

static const char *own_variable(const void *context, const char *name)
{
	(void)context;
	return getenv(name);
}

const struct cupti_surroundings cupti_surroundings_own = { own_find, own_variable, NULL };

static bool object_find(const struct search *search, const char *prefix,
			char path[MAPPED_PATH_MAX])
{
	return search->surroundings->find(search->surroundings->context, prefix, path);
}

static const char *variable_of(const struct search *search, const char *name)
{
	return search->surroundings->variable(search->surroundings->context, name);
}

static bool is_file(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool try_file(const struct search *search, const char *folder, const char *name)
{
	char path[CANDIDATE_MAX];
	int length = snprintf(path, sizeof path, "%s/%s", folder, name);
	return length > 0 && (size_t)length < sizeof path && is_file(path) &&
		search->try_candidate(search->context, path);
}

static bool try_folder(const struct search *search, const char *folder)
{
	struct stat status;
	if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
		return false;
	if (search->preferred[0] != 0 && try_file(search, folder, search->preferred))
		return true;
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (strcmp(names[i], search->preferred) != 0 && try_file(search, folder, names[i]))
			return true;
	return false;
}

static bool try_below(const struct search *search, const char *base, const char *const *below,
		      size_t below_count)
{
	for (size_t i = 0; i < below_count; i++) {
		char folder[CANDIDATE_MAX];
		int length = snprintf(folder, sizeof folder, "%s%s", base, below[i]);
		if (length > 0 && (size_t)length < sizeof folder && try_folder(search, folder))
			return true;
	}
	return false;
}

static bool try_mapped(const struct search *search)
{
	char path[MAPPED_PATH_MAX];
	return object_find(search, "libcupti.so", path) &&
	       search->try_candidate(search->context, path);
}

/*
 * Wheels put CUPTI beside the runtime's folder, Conda and the toolkit into the same one or one near
 * it.
 */
static bool try_beside_mapped(const struct search *search)
{
	static const char *const anchors[] = {
		"libcudart.so", "libtorch_cuda.so", "libtorch_cpu.so", "libc10_cuda.so",
		"libcublas.so", "libcudnn.so",	    "libnccl.so",
	};
	static const char *const below[] = {
		"",
		"/../../cuda_cupti/lib",
		"/../../nvidia/cuda_cupti/lib",
		"/../../nvidia/cu13/lib",
		"/../../cu13/lib",
		"/../extras/CUPTI/lib64",
		"/../../../extras/CUPTI/lib64",
	};
	for (size_t i = 0; i < sizeof anchors / sizeof anchors[0]; i++) {
		char path[MAPPED_PATH_MAX];
		if (!object_find(search, anchors[i], path))
			continue;
		char *slash = strrchr(path, '/');
		if (slash == NULL)
			continue;
		*slash = 0;
		if (try_below(search, path, below, sizeof below / sizeof below[0]))
			return true;
	}
	return false;
}

/*
 * What somebody chose for this process comes before what is installed on the machine: by bare name
 * the loader's cache would find a newer one first, which an older driver refuses.
 */
static bool try_loader_path(const struct search *search)
{
	const char *list = variable_of(search, "LD_LIBRARY_PATH");
	while (list != NULL && *list != 0) {
		char folder[MAPPED_PATH_MAX];
		size_t length = strcspn(list, ":;");
		/* An empty entry is the working folder: not a place of ours. */
		if (length > 0 && length < sizeof folder) {
			memcpy(folder, list, length);
			folder[length] = 0;
			if (try_folder(search, folder))
				return true;
		}
		list += length + (list[length] != 0);
	}
	return false;
}

static bool try_toolkit(const struct search *search, const char *home)
{
	static const char *const below[] = {
		"/extras/CUPTI/lib64", "/lib64", "/targets/x86_64-linux/lib", "/lib",
	};
	return home != NULL && *home != 0 &&
		try_below(search, home, below, sizeof below / sizeof below[0]);
}

static bool try_installed_toolkits(const struct search *search)
{
	if (try_toolkit(search, "/usr/local/cuda"))
		return true;
	glob_t found;
	if (glob("/usr/local/cuda-*", 0, NULL, &found) != 0)
		return false;
	bool is_taken = false;
	for (size_t i = found.gl_pathc; i > 0 && !is_taken; i--)
		is_taken = try_toolkit(search, found.gl_pathv[i - 1]);
	globfree(&found);
	return is_taken;
}

static bool try_bare_names(const struct search *search)
{
	if (search->preferred[0] != 0 && search->try_candidate(search->context, search->preferred))
		return true;
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (strcmp(names[i], search->preferred) != 0 &&
		    search->try_candidate(search->context, names[i]))
			return true;
	return false;
}

static void preferred_set(struct search *search)
{
	char path[MAPPED_PATH_MAX];
	if (!object_find(search, "libcudart.so.", path))
		return;
	const char *version = strstr(path, "libcudart.so.") + strlen("libcudart.so.");
	size_t length = strspn(version, "0123456789");
	if (length == 2 && strncmp(version, "11", 2) != 0)
		(void)snprintf(search->preferred, sizeof search->preferred, "libcupti.so.%.2s",
			       version);
}

bool cupti_search(const char *wanted, const struct cupti_surroundings *surroundings,
		  cupti_try try_candidate, void *context)
{
	struct search search = { .surroundings = surroundings, .try_candidate = try_candidate,
				 .context = context };
	preferred_set(&search);
	if (*wanted != 0) {
		struct stat status;
		if (stat(wanted, &status) == 0 && S_ISDIR(status.st_mode))
			return try_folder(&search, wanted);
		return try_candidate(context, wanted);
	}
	return try_mapped(&search) || try_beside_mapped(&search) || try_loader_path(&search) ||
		try_toolkit(&search, variable_of(&search, "CONDA_PREFIX")) ||
		try_toolkit(&search, variable_of(&search, "CUDA_HOME")) ||
		try_toolkit(&search, variable_of(&search, "CUDA_PATH")) ||
		try_installed_toolkits(&search) || try_bare_names(&search);
}
