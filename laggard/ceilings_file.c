/* SPDX-License-Identifier: MIT */
#include "laggard/ceilings_file.h"

#include "laggard/talk.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char NAME_BEGIN[] = "laggard-ceilings";
static const char NAME_END[] = ".db";
static const size_t PATH_BYTES_MAX = 1 << 16;

bool ceilings_add_default_path(struct text *path)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (data != NULL && data[0] == '/')	/* the standard wants relative ones ignored */
		text_add_format(path, "%s/laggard/ceilings.db", data);
	else if (home != NULL && home[0] != 0)
		text_add_format(path, "%s/.local/share/laggard/ceilings.db", home);
	else
		return false;
	return text_is_ok(path);
}

void ceilings_add_path_in(struct text *path, const char *folder, const char *host)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789.-_";
	text_add_format(path, "%s/%s", folder, NAME_BEGIN);
	if (host[0] != 0)
		text_add_char(path, '-');
	for (; *host != 0; host++)
		text_add_char(path, strchr(plain, *host) != NULL ? *host : '_');
	text_add(path, NAME_END);
}

static bool name_is_ceilings(const char *name)
{
	size_t length = strlen(name), end = sizeof NAME_END - 1;
	return strncmp(name, NAME_BEGIN, sizeof NAME_BEGIN - 1) == 0 && length > end &&
	       strcmp(name + length - end, NAME_END) == 0;
}

static bool files_add(struct ceilings_files *files, const char *path, struct error *error)
{
	if (files->count == CEILINGS_FILES_MAX)
		return fail(error, ERROR_INPUT, "'%s' is left out: more than %d files of ceilings",
			    path, CEILINGS_FILES_MAX);
	if (!ceilings_read(&files->items[files->count], path, error))
		return false;
	files->count++;
	return true;
}

static void files_add_found(struct ceilings_files *files, const char *path)
{
	struct error error;
	if (access(path, F_OK) == 0 && !files_add(files, path, &error))
		talk_note("%s", error.message);
}

static void files_add_folder(struct ceilings_files *files, const char *folder)
{
	DIR *directory = opendir(folder);
	const struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		struct text path;
		if (!name_is_ceilings(entry->d_name))
			continue;
		text_begin(&path, PATH_BYTES_MAX);
		text_add_format(&path, "%s/%s", folder, entry->d_name);
		if (text_is_ok(&path))
			files_add_found(files, text_string(&path));
		text_end(&path);
	}
	if (directory != NULL)
		(void)closedir(directory);
}

/* A folder of traces, or the one that a trace is in. */
static void files_add_beside(struct ceilings_files *files, const char *trace)
{
	struct stat status;
	struct text folder;
	const char *slash = strrchr(trace, '/');
	text_begin(&folder, PATH_BYTES_MAX);
	if (stat(trace, &status) == 0 && S_ISDIR(status.st_mode))
		text_add(&folder, trace);
	else if (slash != NULL)
		text_add_bytes(&folder, trace, (size_t)(slash - trace) + 1);
	else
		text_add_char(&folder, '.');
	if (text_is_ok(&folder))
		files_add_folder(files, text_string(&folder));
	text_end(&folder);
}

/* Is the folder of this trace one that was looked into? Many traces often lie in one. */
static bool is_same_folder(const char *a, const char *b)
{
	const char *end_a = strrchr(a, '/'), *end_b = strrchr(b, '/');
	size_t length_a = end_a == NULL ? 0 : (size_t)(end_a - a) + 1;
	size_t length_b = end_b == NULL ? 0 : (size_t)(end_b - b) + 1;
	struct stat status;
	return length_a == length_b && strncmp(a, b, length_a) == 0 &&
	       stat(a, &status) == 0 && !S_ISDIR(status.st_mode);
}

bool ceilings_files_take(struct ceilings_files *files, const char *choice,
			 const char *const *traces, size_t trace_count, struct error *error)
{
	struct text path;
	files->count = 0;
	if (choice != NULL && strcmp(choice, "none") == 0)
		return true;
	if (choice != NULL && strcmp(choice, "auto") != 0)
		return files_add(files, choice, error);
	for (size_t i = 0; i < trace_count; i++)
		if (i == 0 || !is_same_folder(traces[i], traces[i - 1]))
			files_add_beside(files, traces[i]);
	text_begin(&path, PATH_BYTES_MAX);
	if (ceilings_add_default_path(&path))
		files_add_found(files, text_string(&path));
	text_end(&path);
	return true;
}

void ceilings_files_give(struct ceilings_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		ceilings_end(&files->items[i]);
	files->count = 0;
}
