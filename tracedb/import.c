/* SPDX-License-Identifier: MIT */
#include "tracedb/import.h"

#include "tracedb/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool import_file(const char *path, const char *folder, const struct import_options *options,
		 struct import_result *result, struct error *error)
{
	enum file_format format;
	if (!file_format_of(path, &format, error))
		return false;
	switch (format) {
	case FILE_FORMAT_KINETO:
		return import_kineto(path, folder, options, result, error);
	case FILE_FORMAT_NSYS:
	case FILE_FORMAT_NSYS_OWN:
		return import_nsys(path, folder, options, result, error);
	case FILE_FORMAT_TRACE:
		return fail(error, ERROR_INPUT,
			    "'%s' is a trace database already: there is nothing to import",
			    path);
	case FILE_FORMAT_SQLITE:
		return fail(error, ERROR_INPUT,
			    "'%s' is a SQLite database, but no trace and no export "
			    "of Nsight Systems",
			    path);
	case FILE_FORMAT_ANALYSIS:
	case FILE_FORMAT_RESULT:
		return fail(error, ERROR_INPUT,
			    "'%s' is a result of laggard itself: import the traces", path);
	case FILE_FORMAT_UNKNOWN:
		break;
	}
	return fail(error, ERROR_INPUT,
		    "'%s' is neither a PyTorch trace (JSON, perhaps gzipped) nor a "
		    "SQLite export of Nsight Systems",
		    path);
}

bool import_result_add(struct import_result *result, const char *path, struct error *error)
{
	if (result->count >= IMPORT_OUTPUTS_MAX)
		return fail(error, ERROR_INPUT, "cannot import more than %d processes at once",
			    IMPORT_OUTPUTS_MAX);
	if (result->paths == NULL)
		result->paths = calloc(IMPORT_OUTPUTS_MAX, sizeof *result->paths);
	char *copy = strdup(path);
	if (result->paths == NULL || copy == NULL) {
		free(copy);
		return fail(error, ERROR_SYSTEM, "cannot import '%s': no memory", path);
	}
	result->paths[result->count++] = copy;
	return true;
}

void import_result_end(struct import_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		free(result->paths[i]);
	free(result->paths);
	*result = (struct import_result){ 0 };
}

static size_t stem_length(const char *name)
{
	static const char *const endings[] = { ".gz", ".json", ".sqlite" };
	size_t length = strlen(name);
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		size_t ending = strlen(endings[i]);
		if (length > ending && strncasecmp(name + length - ending, endings[i], ending) == 0)
			length -= ending;
	}
	return length;
}

bool import_output_path(char *out, size_t size, const char *folder, const char *path,
			const char *suffix, struct error *error)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	size_t stem = stem_length(name);
	if (stem == 0)
		return fail(error, ERROR_INPUT, "cannot import '%s': it is no file name", path);
	int length = snprintf(out, size, "%s/%.*s%s.trace.db", folder, (int)stem, name, suffix);
	if (length < 0 || (size_t)length >= size)
		return fail(error, ERROR_INPUT,
			    "cannot import '%s': the path of the database would be too long",
			    path);
	return true;
}
