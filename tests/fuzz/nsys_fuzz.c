/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a hostile SQLite database as an export of Nsight Systems. Either it is imported and
 * gives traces that can be read, or there is one error of the input and nothing is left behind.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hostile_database.h"
#include "tests/fuzz/report_promises.h"
#include "tracedb/import.h"

#include <stdio.h>
#include <unistd.h>

const char *const fuzz_name = "nsys";

static void analyze_it(const struct import_result *result)
{
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct error error = { 0 };
	const struct analyze_options options = { .thread_count = 1 };
	fuzz_require(trace_set_open(&set, (const char *const *)result->paths, result->count, NULL,
				    &error),
		     "what was imported opens");
	fuzz_require(trace_set_broken_count(set) == 0, "all that was imported opens");
	fuzz_require(analyze_traces(set, &options, &report, &error),
		     "what was imported is analysed");
	report_require_sums(report);
	report_close(report);
	trace_set_close(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct hostile_base *base;
	char folder[FUZZ_PATH_BYTES], path[FUZZ_PATH_BYTES + 16];
	struct import_result result = { 0 };
	struct error error = { 0 };
	if (base == NULL)
		base = hostile_base_make(NULL, "tests/fuzz/base/nsys.sql");
	fuzz_folder_begin(folder);
	(void)snprintf(path, sizeof path, "%s/a.sqlite", folder);
	hostile_database_write(base, bytes, size, path);
	if (import_nsys(path, folder, NULL, &result, &error)) {
		fuzz_require(result.count > 0 && result.rows >= 0 && result.rejected >= 0,
			     "an import gives a database");
		analyze_it(&result);
		for (size_t i = 0; i < result.count; i++)
			fuzz_require(unlink(result.paths[i]) == 0,
				     "every database of the result is there");
	} else {
		fuzz_require_error(&error, path);
		fuzz_require(result.count == 0, "a failed import gives no database");
	}
	import_result_end(&result);
	fuzz_require(unlink(path) == 0, "the input is still there");
	fuzz_folder_end(folder);
	return 0;
}
