/* SPDX-License-Identifier: MIT */
#include "laggard/doctor_subject.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 64 << 20, CHUNK_BYTES = 1 << 16, FOUND_MAX = 64 };

/* Where wheels put the libraries that a training maps, below a site-packages folder. */
static const char *const packaged[] = {
	"torch/lib/libtorch_cuda.so", "torch/lib/libtorch_cpu.so", "torch/lib/libcudart*.so*",
	"nvidia/cuda_runtime/lib/libcudart.so.*", "nvidia/cu13/lib/libcudart.so.*",
	"nvidia/nccl/lib/libnccl.so.2",
};

/* Where the site-packages folders are, below VIRTUAL_ENV, CONDA_PREFIX, HOME and the root. */
static const struct { const char *variable, *folder; } sites[] = {
	{ "VIRTUAL_ENV", "/lib/python3*/site-packages/" },
	{ "CONDA_PREFIX", "/lib/python3*/site-packages/" },
	{ "HOME", "/.local/lib/python3*/site-packages/" },
	{ NULL, "/usr/local/lib/python3*/dist-packages/" },
	{ NULL, "/usr/lib/python3*/dist-packages/" },
	{ NULL, "/usr/local/lib/python3*/site-packages/" },
	{ NULL, "/usr/lib/python3*/site-packages/" },
};

static void list_add(struct text *list, const char *item)
{
	text_add_bytes(list, item, strlen(item) + 1);
}

/* The list's memory, with the empty item at its end. */
static bool list_take(struct text *list, char **out, struct error *error)
{
	text_add_bytes(list, "", 1);
	*out = text_is_ok(list) ? malloc(list->length) : NULL;
	if (*out != NULL)
		memcpy(*out, list->bytes, list->length);
	text_end(list);
	return *out != NULL || fail(error, ERROR_SYSTEM, "no memory to look around");
}

/* All of a file, which says nothing of its size. */
static bool file_add(struct text *list, const char *path, struct error *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return fail(error, ERROR_INPUT, "cannot read '%s': %s", path, strerror(errno));
	ssize_t got = 1;
	while (got > 0) {
		char *room = text_reserve(list, CHUNK_BYTES);
		got = room == NULL ? 0 : read(file, room, CHUNK_BYTES);
		if (got > 0)
			text_advance(list, (size_t)got);
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	(void)close(file);
	return true;
}

static void pattern_add(struct text *list, const char *pattern)
{
	glob_t found;
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc && i < FOUND_MAX; i++)
		list_add(list, found.gl_pathv[i]);
	globfree(&found);
}

static void packaged_add(struct text *list, const struct doctor_subject *subject)
{
	for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
		const char *home = sites[i].variable == NULL ? "" :
			doctor_variable(subject, sites[i].variable);
		for (size_t k = 0; home != NULL && k < sizeof packaged / sizeof packaged[0]; k++) {
			char pattern[PATH_MAX];
			int length = snprintf(pattern, sizeof pattern, "%s%s%s%s", subject->root,
					      home, sites[i].folder, packaged[k]);
			if (length > 0 && (size_t)length < sizeof pattern)
				pattern_add(list, pattern);
		}
	}
}

bool doctor_subject_begin(struct doctor_subject *subject, const char *root,
			  const char *const *environment, struct error *error)
{
	struct text list;
	*subject = (struct doctor_subject){ .root = root, .pid = -1 };
	text_begin(&list, LIST_BYTES_MAX);
	for (; *environment != NULL; environment++)
		list_add(&list, *environment);
	if (!list_take(&list, &subject->variables, error))
		return false;
	text_begin(&list, LIST_BYTES_MAX);
	packaged_add(&list, subject);
	if (list_take(&list, &subject->objects, error))
		return true;
	doctor_subject_end(subject);
	return false;
}

/* "7f..-7f.. r-xp 00000000 08:01 1234     /path/libx.so": each path once, those of objects. */
static void maps_add(struct text *list, char *maps)
{
	const char *last = "";
	char *rest = NULL;
	for (char *line = strtok_r(maps, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *path = strchr(line, '/');
		if (path == NULL || strstr(path, ".so") == NULL || strcmp(path, last) == 0)
			continue;
		list_add(list, path);
		last = path;
	}
}

bool doctor_subject_of_process(struct doctor_subject *subject, const char *root, int64_t pid,
			       struct error *error)
{
	char path[PATH_MAX];
	struct text list, maps;
	*subject = (struct doctor_subject){ .root = root, .pid = pid };
	text_begin(&list, LIST_BYTES_MAX);
	text_begin(&maps, LIST_BYTES_MAX);
	(void)snprintf(path, sizeof path, "%s/proc/%" PRId64 "/environ", root, pid);
	bool ok = file_add(&list, path, error);
	(void)snprintf(path, sizeof path, "%s/proc/%" PRId64 "/maps", root, pid);
	ok = ok && file_add(&maps, path, error) && list_take(&list, &subject->variables, error);
	if (ok) {
		text_begin(&list, LIST_BYTES_MAX);
		text_add_bytes(&maps, "", 1);
		if (text_is_ok(&maps))
			maps_add(&list, maps.bytes);
		ok = list_take(&list, &subject->objects, error);
	}
	text_end(&maps);
	text_end(&list);
	if (!ok)
		doctor_subject_end(subject);
	return ok;
}

void doctor_subject_end(struct doctor_subject *subject)
{
	free(subject->variables);
	free(subject->objects);
	subject->variables = subject->objects = NULL;
}

const char *doctor_variable(const struct doctor_subject *subject, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = subject->variables; *at != 0; at += strlen(at) + 1)
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return at + length + 1;
	return NULL;
}

const char *doctor_variable_next(const struct doctor_subject *subject, const char *before,
				 const char *prefix)
{
	const char *at = before == NULL ? subject->variables : before + strlen(before) + 1;
	for (; *at != 0; at += strlen(at) + 1)
		if (strncmp(at, prefix, strlen(prefix)) == 0)
			return at;
	return NULL;
}

const char *doctor_object_next(const struct doctor_subject *subject, const char *before,
			       const char *prefix)
{
	const char *at = before == NULL ? subject->objects : before + strlen(before) + 1;
	for (; *at != 0; at += strlen(at) + 1) {
		const char *slash = strrchr(at, '/');
		const char *file = slash == NULL ? at : slash + 1;
		if (strncmp(file, prefix, strlen(prefix)) == 0)
			return at;
	}
	return NULL;
}

int64_t doctor_file_read(const struct doctor_subject *subject, const char *path, char *text,
			 size_t size)
{
	char full[PATH_MAX];
	text[0] = 0;
	(void)snprintf(full, sizeof full, "%s%s", subject->root, path);
	int file = open(full, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	size_t used = 0;
	ssize_t got = 1;
	while (used + 1 < size && got > 0) {
		got = read(file, text + used, size - 1 - used);
		if (got > 0)
			used += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	(void)close(file);
	text[used] = 0;
	return got < 0 && used == 0 ? -1 : (int64_t)used;
}

bool doctor_file_exists(const struct doctor_subject *subject, const char *path)
{
	char full[PATH_MAX];
	struct stat status;
	(void)snprintf(full, sizeof full, "%s%s", subject->root, path);
	return stat(full, &status) == 0;
}
