/* SPDX-License-Identifier: MIT */
#include "tracedb/trace_set.h"

#include "tracedb/private_copy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096, INPUTS_MAX = 65536 };

struct trace_set {
	struct trace_input *inputs;
	size_t count, room;
	size_t broken_count;
	char **folders;		/* temporary, for imports */
	size_t folder_count;
	const struct import_options *import_options;
};

static bool set_no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the list of traces");
}

/* Takes over the reader; on failure it is closed. */
static bool set_add(struct trace_set *set, const char *path, struct trace_reader *reader,
		    const struct error *why_broken, struct error *error)
{
	if (set->count == set->room) {
		size_t room = set->room == 0 ? 16 : set->room * 2;
		struct trace_input *inputs = room > INPUTS_MAX ? NULL :
			realloc(set->inputs, room * sizeof *inputs);
		if (inputs == NULL) {
			trace_reader_close(reader);
			return set_no_memory(error);
		}
		set->inputs = inputs;
		set->room = room;
	}
	struct trace_input *input = &set->inputs[set->count];
	*input = (struct trace_input){ .path = strdup(path), .reader = reader };
	if (input->path == NULL) {
		trace_reader_close(reader);
		return set_no_memory(error);
	}
	if (reader == NULL) {
		input->error = *why_broken;
		set->broken_count++;
	}
	set->count++;
	return true;
}

static bool set_add_database(struct trace_set *set, const char *shown_path, const char *path,
			     struct error *error)
{
	struct trace_reader *reader = NULL;
	struct error broken = { 0 };
	if (!trace_reader_open(&reader, path, &broken))
		reader = NULL;
	return set_add(set, shown_path, reader, &broken, error);
}

/* An import gives one database a process; a person knows them all by the file imported. */
static bool set_add_import(struct trace_set *set, const char *path, struct error *error)
{
	char **folders = realloc(set->folders, (set->folder_count + 1) * sizeof *folders);
	if (folders == NULL)
		return set_no_memory(error);
	set->folders = folders;
	if (!private_folder_make(&set->folders[set->folder_count], error))
		return false;
	const char *folder = set->folders[set->folder_count++];
	struct import_result result = { 0 };
	struct error broken = { 0 };
	bool ok = true;
	if (!import_file(path, folder, set->import_options, &result, &broken))
		ok = set_add(set, path, NULL, &broken, error);
	else
		for (size_t i = 0; ok && i < result.count; i++)
			ok = set_add_database(set, path, result.paths[i], error);
	import_result_end(&result);
	return ok;
}

static bool set_add_file(struct trace_set *set, const char *path, struct error *error)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	struct error broken = { 0 };
	if (!file_format_of(path, &format, &broken))
		return set_add(set, path, NULL, &broken, error);
	switch (format) {
	case FILE_FORMAT_TRACE:
		return set_add_database(set, path, path, error);
	case FILE_FORMAT_NSYS:
	case FILE_FORMAT_NSYS_OWN:
	case FILE_FORMAT_KINETO:
		return set_add_import(set, path, error);
	case FILE_FORMAT_SQLITE:
		(void)fail(&broken, ERROR_INPUT,
			   "'%s' is a SQLite database, but neither a trace nor a "
			   "Nsight Systems export",
			   path);
		return set_add(set, path, NULL, &broken, error);
	case FILE_FORMAT_ANALYSIS:
	case FILE_FORMAT_CEILINGS:
	case FILE_FORMAT_RESULT:
		(void)fail(&broken, ERROR_INPUT,
			   "'%s' is a result of laggard itself: give it the traces", path);
		return set_add(set, path, NULL, &broken, error);
	case FILE_FORMAT_UNKNOWN:
		break;
	}
	(void)fail(&broken, ERROR_INPUT,
		   "'%s' is no trace: expected a trace database, a PyTorch trace "
		   "(.json, .json.gz) or a Nsight Systems SQLite export",
		   path);
	return set_add(set, path, NULL, &broken, error);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);
	return length > size && strcmp(name + length - size, suffix) == 0;
}

static int is_trace_name(const struct dirent *entry)
{
	static const char *const suffixes[] = { ".db", ".sqlite", ".json", ".json.gz" };
	if (entry->d_name[0] == '.')
		return 0;
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
		if (has_suffix(entry->d_name, suffixes[i]))
			return 1;
	return 0;
}

/* Timelines, reports and the analysis are often written beside their traces. */
static bool is_result(const char *path)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	return file_format_of(path, &format, NULL) &&
	       (format == FILE_FORMAT_RESULT || format == FILE_FORMAT_ANALYSIS ||
		format == FILE_FORMAT_CEILINGS);
}

/* A copy of traces that laggard wrote in a foreign layout. */
static bool is_copy(const char *path)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	return file_format_of(path, &format, NULL) && format == FILE_FORMAT_NSYS_OWN;
}

static bool is_trace_database(const char *path)
{
	enum file_format format = FILE_FORMAT_UNKNOWN;
	return file_format_of(path, &format, NULL) && format == FILE_FORMAT_TRACE;
}

/*
 * An entry of a folder; folders in folders are not looked into. Copies are passed over, or nothing
 * else is taken: beside their traces they would count all work twice.
 */
static bool set_add_entry(struct trace_set *set, const char *folder, const char *name,
			  bool wants_copies, struct error *error)
{
	char path[PATH_BYTES];
	struct stat status;
	struct error broken = { 0 };
	const char *slash = has_suffix(folder, "/") ? "" : "/";
	int length = snprintf(path, sizeof path, "%s%s%s", folder, slash, name);
	if (length < 0 || (size_t)length >= sizeof path) {
		(void)fail(&broken, ERROR_INPUT, "cannot open '%s' in its folder: %s", name,
			   strerror(ENAMETOOLONG));
		return set_add(set, name, NULL, &broken, error);
	}
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return true;
	return is_result(path) || is_copy(path) != wants_copies || set_add_file(set, path, error);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A folder in it with files that are named like traces, as the one above is easily given. */
static bool inner_folder_find(const char *folder, char path[PATH_BYTES])
{
	struct dirent **entries = NULL;
	bool is_found = false;
	int count = scandir(folder, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		struct dirent **inner = NULL;
		struct stat status;
		int length =
			is_found ? -1
				 : snprintf(path, PATH_BYTES, "%s/%s", folder, entries[i]->d_name);
		/* A link may lead back to where it stands. */
		bool is_folder = length >= 0 && length < PATH_BYTES && lstat(path, &status) == 0 &&
			S_ISDIR(status.st_mode);
		int found = is_folder ? scandir(path, &inner, is_trace_name, NULL) : 0;
		for (int j = 0; j < found; j++)
			free(inner[j]);
		if (found >= 0)
			free(inner);
		is_found |= found > 0;
		free(entries[i]);
	}
	free(entries);
	return is_found;
}

static bool set_add_folder(struct trace_set *set, const char *folder, struct error *error)
{
	struct dirent **entries = NULL;
	struct error broken = { 0 };
	size_t count_before = set->count;
	int count = scandir(folder, &entries, is_trace_name, alphasort);
	if (count < 0) {
		(void)fail(&broken, ERROR_INPUT, "cannot open '%s': %s", folder, strerror(errno));
		return set_add(set, folder, NULL, &broken, error);
	}
	bool ok = true;
	for (int i = 0; ok && i < count; i++)
		ok = set_add_entry(set, folder, entries[i]->d_name, false, error);
	for (int i = 0; ok && i < count && set->count == count_before; i++)
		ok = set_add_entry(set, folder, entries[i]->d_name, true, error);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	if (!ok || set->count > count_before)
		return ok;
	char inner[PATH_BYTES];
	bool has_inner = inner_folder_find(folder, inner);
	(void)fail(&broken, ERROR_INPUT,
		   "no traces in folder '%s' (*.db, *.sqlite, *.json, *.json.gz)%s%s%s", folder,
		   has_inner ? "; give the folder '" : "", has_inner ? inner : "",
		   has_inner ? "' in it" : "");
	return set_add(set, folder, NULL, &broken, error);
}

static int integer_order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Unknown ranks and unreadable files come last. */
static int by_rank(const void *a, const void *b)
{
	const struct trace_input *x = a, *y = b;
	if ((x->reader == NULL) != (y->reader == NULL))
		return x->reader == NULL ? 1 : -1;
	int order = 0;
	if (x->reader != NULL) {
		const struct trace_row *p = trace_reader_trace(x->reader);
		const struct trace_row *q = trace_reader_trace(y->reader);
		order = integer_order(p->rank < 0 ? INT64_MAX : p->rank,
				      q->rank < 0 ? INT64_MAX : q->rank);
		if (order == 0)
			order = strcmp(p->host, q->host);
		if (order == 0)
			order = integer_order(p->pid, q->pid);
	}
	return order != 0 ? order : strcmp(x->path, y->path);
}

bool trace_set_open(struct trace_set **out, const char *const *arguments, size_t count,
		    const struct import_options *options, struct error *error)
{
	*out = NULL;
	struct trace_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return set_no_memory(error);
	set->import_options = options;
	bool ok = true, has_database = false;
	for (size_t i = 0; !has_database && i < count; i++)
		has_database = is_trace_database(arguments[i]);
	for (size_t i = 0; ok && i < count; i++) {
		struct stat status;
		bool is_folder = stat(arguments[i], &status) == 0 && S_ISDIR(status.st_mode);
		/* A shell that fills in names finds the analysis among the traces. */
		if (!is_folder && count > 1 && is_result(arguments[i]) &&
		    set->count + count - i > 1)
			continue;
		if (!is_folder && has_database && is_copy(arguments[i]))
			continue;
		ok = is_folder ? set_add_folder(set, arguments[i], error) :
			set_add_file(set, arguments[i], error);
	}
	if (ok && set->count == 0)
		ok = fail(error, ERROR_USAGE, "no traces given");
	if (ok && set->broken_count == set->count) {
		if (error != NULL)
			*error = set->inputs[0].error;
		ok = false;
	}
	if (!ok) {
		trace_set_close(set);
		return false;
	}
	qsort(set->inputs, set->count, sizeof *set->inputs, by_rank);
	*out = set;
	return true;
}

void trace_set_close(struct trace_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++) {
		trace_reader_close(set->inputs[i].reader);
		free((void *)(uintptr_t)set->inputs[i].path);
	}
	for (size_t i = 0; i < set->folder_count; i++)
		private_folder_remove(set->folders[i]);
	free(set->folders);
	free(set->inputs);
	free(set);
}

size_t trace_set_count(const struct trace_set *set)
{
	return set->count;
}

const struct trace_input *trace_set_input(const struct trace_set *set, size_t index)
{
	return &set->inputs[index];
}

size_t trace_set_broken_count(const struct trace_set *set)
{
	return set->broken_count;
}
