/* SPDX-License-Identifier: MIT */
#include "libtrace/output_path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char default_name[] = "%h-%p.trace.db";

struct builder {
	char *path;
	size_t length;
	bool is_full;
};

static void add(struct builder *to, const char *text)
{
	size_t size = strlen(text);
	if (size >= OUTPUT_PATH_MAX - to->length) {
		to->is_full = true;
		return;
	}
	memcpy(to->path + to->length, text, size + 1);
	to->length += size;
}

/* A host name becomes part of a file name: nothing that would change the folder. */
static void add_host(struct builder *to, const char *host)
{
	for (; *host != 0; host++) {
		const char text[2] = { *host == '/' ? '_' : *host, 0 };
		add(to, text);
	}
}

static bool add_field(struct builder *to, char letter, const struct output_fields *fields)
{
	char number[32];
	switch (letter) {
	case 'h':
		add_host(to, fields->host);
		return true;
	case 'p':
		(void)snprintf(number, sizeof number, "%" PRId64, fields->pid);
		add(to, number);
		return true;
	case 'r':
		(void)snprintf(number, sizeof number, "%" PRId64, fields->rank);
		add(to, fields->rank < 0 ? "x" : number);
		return true;
	case '%':
		add(to, "%");
		return true;
	default:
		return false;
	}
}

static bool add_pattern(struct builder *to, const char *pattern, const struct output_fields *fields,
			struct error *error)
{
	for (; *pattern != 0; pattern++) {
		const char text[2] = { *pattern, 0 };
		if (*pattern != '%')
			add(to, text);
		else if (add_field(to, pattern[1], fields))
			pattern++;
		else
			return fail(error, ERROR_USAGE,
				    "LAGGARD_OUTPUT '%s': only %%h, %%p, %%r and %%%% are "
				    "known",
				    pattern);
	}
	return true;
}

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_ending(const char *text, const char *ending)
{
	size_t length = strlen(text), size = strlen(ending);
	return length >= size && strcmp(text + length - size, ending) == 0;
}

bool output_path_make(char path[OUTPUT_PATH_MAX], const char *pattern,
		      const struct output_fields *fields, struct error *error)
{
	struct builder to = { .path = path };
	path[0] = 0;
	if (*pattern != '/') {
		if (getcwd(path, OUTPUT_PATH_MAX) == NULL)
			return fail(error, ERROR_SYSTEM, "cannot tell the working folder: %s",
				    strerror(errno));
		to.length = strlen(path);
		add(&to, "/");
	}
	if (strcmp(pattern, ".") != 0 && !add_pattern(&to, pattern, fields, error))
		return false;
	bool is_name = (strchr(pattern, '%') != NULL || has_ending(pattern, ".db")) &&
		!has_ending(pattern, "/") && !is_folder(path);
	if (!is_name) {
		if (to.length == 0 || path[to.length - 1] != '/')
			add(&to, "/");
		if (!add_pattern(&to, default_name, fields, error))
			return false;
	}
	if (to.is_full)
		return fail(error, ERROR_USAGE, "LAGGARD_OUTPUT is too long: '%.200s...'", pattern);
	return true;
}

/* The folder of the path; the root stays the root. */
static void folder_of(char folder[OUTPUT_PATH_MAX], const char *path)
{
	(void)snprintf(folder, OUTPUT_PATH_MAX, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash == folder)
		slash[1] = 0;
	else if (slash != NULL)
		*slash = 0;
}

bool output_path_check(const char *path, struct error *error)
{
	char folder[OUTPUT_PATH_MAX], above[OUTPUT_PATH_MAX];
	folder_of(folder, path);
	while (access(folder, F_OK) != 0 && errno == ENOENT && strcmp(folder, "/") != 0) {
		folder_of(above, folder);
		memcpy(folder, above, sizeof folder);
	}
	if (!is_folder(folder))
		return fail(error, ERROR_SYSTEM, "cannot write traces to '%s': %s", path,
			    errno == ENOENT || errno == 0 ? "not a folder" : strerror(errno));
	if (access(folder, W_OK | X_OK) != 0)
		return fail(error, ERROR_SYSTEM, "cannot write traces to '%s': %s", folder,
			    strerror(errno));
	return true;
}

bool output_path_make_folders(const char *path, struct error *error)
{
	char folder[OUTPUT_PATH_MAX];
	folder_of(folder, path);
	for (char *at = folder + 1; *at != 0; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		(void)mkdir(folder, 0777);
		*at = '/';
	}
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return fail(error, ERROR_SYSTEM, "cannot make the folder '%s': %s", folder,
			    strerror(errno));
	return true;
}

bool output_path_number(char numbered[OUTPUT_PATH_MAX], const char *path, int number)
{
	static const char *const endings[] = { ".trace.db", ".db", "" };
	size_t i = 0;
	while (i < 2 && !has_ending(path, endings[i]))
		i++;
	size_t stem = strlen(path) - strlen(endings[i]);
	int length = snprintf(numbered, OUTPUT_PATH_MAX, "%.*s-%d%s", (int)stem, path, number,
			      endings[i]);
	return length > 0 && length < OUTPUT_PATH_MAX;
}
