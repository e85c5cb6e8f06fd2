/* SPDX-License-Identifier: MIT */
#include "tests/torture/operations_parts.h"

#include "analyzer/analyze.h"
#include "analyzer/compare_report.h"
#include "analyzer/sidecar.h"
#include "analyzer/sidecar_write.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hostile_database.h"
#include "tests/torture/faults.h"
#include "tracedb/derived_reader.h"
#include "tracedb/reader.h"
#include "tracedb/trace_set.h"
#include "tracedb/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 300, USER_NOBODY = 65534, PAGE_BYTES_MAX = 1 << 20 };

union any_row {
#define TABLE(table, doc) struct table##_row table;
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

void path_in(char path[PATH_BYTES], const char *folder, const char *name)
{
	(void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

/* FNV-1a */
void sign(struct outcome *outcome, const void *bytes, size_t size)
{
	uint64_t hash = outcome->signature ^ UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
	outcome->signature = hash;
}

void sign_integer(struct outcome *outcome, int64_t value)
{
	sign(outcome, &value, sizeof value);
}

static bool put_row(struct trace_writer *writer, int64_t i, struct error *error)
{
	char name[32];
	struct kernel_symbol_row symbol = { .grid_x = i % 7 };
	struct stream_row stream = { .device_id = i % 2, .context_id = 1, .number = i % 5 };
	(void)snprintf(name, sizeof name, "kernel %d", (int)(i % 40));
	if (!trace_writer_string(writer, name, strlen(name), &symbol.name_id, error) ||
	    !trace_writer_kernel_symbol(writer, &symbol, error) ||
	    !trace_writer_stream(writer, &stream, error))
		return false;
	const struct kernel_row row = { .start_ns = i * 10,
					.duration_ns = 5,
					.stream_id = stream.stream_id,
					.kernel_id = symbol.kernel_id };
	return trace_put_kernel(writer, &row, error) &&
	       trace_writer_loss(writer, "torture", name, 1, i, error);
}

static bool write_trace(const struct place *place, const struct trace_writer_options *options,
			struct outcome *outcome, struct error *error)
{
	char path[PATH_BYTES];
	struct trace_writer *writer = NULL;
	const struct trace_row trace = { .trace_id = 1, .host = "box", .rank = 0, .world_size = 2 };
	path_in(path, place->out, "new.db");
	if (!trace_writer_create(&writer, path, options, error))
		return false;
	bool ok = trace_put_trace(writer, &trace, error) &&
		  trace_writer_replace(writer, TABLE_trace, &trace, error);
	for (int64_t i = 0; ok && i < ROWS; i++)
		ok = put_row(writer, i, error);
	ok = ok && trace_writer_commit(writer, error);
	if (!ok) {
		trace_writer_abandon(writer);
		return false;
	}
	sign_integer(outcome, trace_writer_count(writer, TABLE_kernel));
	return trace_writer_close(writer, error);
}

static bool run_writer_bulk(const struct place *place, struct outcome *outcome, struct error *error)
{
	const struct trace_writer_options options = { .is_bulk = true, .commit_rows = 100 };
	return write_trace(place, &options, outcome, error);
}

static bool run_writer(const struct place *place, struct outcome *outcome, struct error *error)
{
	const struct trace_writer_options options = { .commit_rows = 50 };
	return write_trace(place, &options, outcome, error);
}

/* As the guest does: what fails is lost, the rest goes on, and the file stays. */
static bool run_writer_going_on(const struct place *place, struct outcome *outcome,
				struct error *error)
{
	char path[PATH_BYTES];
	const struct trace_writer_options options = { .commit_rows = 20 };
	struct trace_writer *writer = NULL;
	struct error next;
	path_in(path, place->out, "new.db");
	if (!trace_writer_create(&writer, path, &options, error))
		return false;
	const struct trace_row trace = { .trace_id = 1, .host = "box", .rank = 0, .world_size = 2 };
	bool ok = trace_put_trace(writer, &trace, error);
	for (int64_t i = 0; i < ROWS; i++)
		ok = put_row(writer, i, ok ? error : &next) && ok;
	ok = trace_writer_commit(writer, ok ? error : &next) && ok;
	sign_integer(outcome, trace_writer_count(writer, TABLE_kernel));
	return trace_writer_close(writer, ok ? error : &next) && ok;
}

static bool read_table(struct trace_reader *reader, enum trace_table table, struct outcome *outcome,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	union any_row row;
	int result;
	if (!trace_reader_select(reader, table, 0, 1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1)
		for (size_t i = 0; i < trace_tables[table].column_count; i++) {
			const char *at = (const char *)&row + trace_tables[table].columns[i].offset;
			const char *text;
			memcpy(&text, at, sizeof text);
			if (trace_tables[table].columns[i].type == COLUMN_TYPE_TEXT)
				sign(outcome, text, strlen(text));
			else
				sign(outcome, at, sizeof(int64_t));
		}
	trace_cursor_close(cursor);
	return result == 0;
}

bool read_all(const char *path, struct outcome *outcome, struct error *error)
{
	struct trace_reader *reader = NULL;
	if (!trace_reader_open(&reader, path, error))
		return false;
	bool ok = trace_reader_load_strings(reader, error);
	for (int table = 0; ok && table < TABLE_COUNT; table++)
		ok = read_table(reader, (enum trace_table)table, outcome, error);
	trace_reader_close(reader);
	return ok;
}

static bool check_written(const struct place *place, struct error *error)
{
	char path[PATH_BYTES];
	struct outcome ignored = { 0 };
	path_in(path, place->out, "new.db");
	return access(path, F_OK) != 0 || read_all(path, &ignored, error);
}

static bool sidecar_fill(struct sidecar *sidecar, struct error *error)
{
	const struct analysis_row analysis = { .tool_version = "torture" };
	const struct gpu_time_row gpu = { .rank = 1 };
	bool ok = sidecar_add_analysis(sidecar, &analysis, error) &&
		  sidecar_add_gpu_time(sidecar, &gpu, error);
	for (int64_t i = 0; ok && i < ROWS; i++) {
		char call[32];
		(void)snprintf(call, sizeof call, "call %d", (int)(i % 40));
		const struct step_row step = { .number = i, .is_steady = 1, .duration_ns = i };
		const struct sidecar_piece piece = {
			.duration_ns = i, .cause = i % 2 == 0 ? "sync" : "alloc", .call = call };
		ok = sidecar_add_step(sidecar, &step, error) &&
		     sidecar_add_piece(sidecar, &piece, error);
	}
	return ok;
}

static bool read_derived(const char *path, struct outcome *outcome, struct error *error)
{
	struct derived_reader *reader = NULL;
	struct trace_cursor *cursor = NULL;
	struct idle_gap_row row;
	int result = -1;
	if (!derived_reader_open(&reader, path, error))
		return false;
	if (derived_reader_load_texts(reader, error) &&
	    derived_reader_select(reader, DERIVED_idle_gap, 0, -1, &cursor, error))
		while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
			const char *call = derived_reader_text(reader, row.call_id);
			sign_integer(outcome, row.duration_ns);
			sign(outcome, call, strlen(call));
		}
	trace_cursor_close(cursor);
	derived_reader_close(reader);
	return result == 0;
}

static bool run_sidecar(const struct place *place, struct outcome *outcome, struct error *error)
{
	char path[PATH_BYTES];
	struct sidecar *sidecar = NULL;
	path_in(path, place->out, SIDECAR_NAME);
	if (!sidecar_create(&sidecar, path, 100, error))
		return false;
	if (!sidecar_fill(sidecar, error)) {
		sidecar_abandon(sidecar);
		return false;
	}
	if (!sidecar_commit(sidecar, error))
		return false;
	faults_pause();
	bool ok = read_derived(path, outcome, error);
	faults_resume();
	return ok;
}

static bool run_derived_reader(const struct place *place, struct outcome *outcome,
			       struct error *error)
{
	char path[PATH_BYTES];
	path_in(path, place->in, SIDECAR_NAME);
	return read_derived(path, outcome, error);
}

static bool compare_runs(struct run_steps *a, struct run_steps *b, struct outcome *outcome,
			 struct error *error)
{
	const struct compare_options options = { .threshold_e12 = 0 };
	struct comparison comparison;
	const struct compare_subject subject = { a, b, &options, &comparison };
	struct text page;
	if (!comparison_make(&comparison, a, b, &options, error))
		return false;
	text_begin(&page, PAGE_BYTES_MAX);
	compare_add_text(&page, &subject, false);
	compare_add_json(&page, &subject);
	bool ok = text_is_ok(&page) || fail(error, ERROR_SYSTEM, "no memory for the page");
	sign(outcome, text_string(&page), page.length);
	text_end(&page);
	return ok;
}

static bool run_compare(const struct place *place, struct outcome *outcome, struct error *error)
{
	char sidecar[PATH_BYTES], report[PATH_BYTES];
	struct run_steps a = { .arena = NULL }, b = { .arena = NULL };
	path_in(sidecar, place->in, SIDECAR_NAME);
	path_in(report, place->in, "report.json");
	bool ok = run_steps_read(&a, sidecar, error) && run_steps_read(&b, report, error) &&
		  compare_runs(&a, &b, outcome, error);
	run_steps_end(&a);
	run_steps_end(&b);
	return ok;
}

/* As `laggard analyze` writes it; as many steps as sidecar_fill has. */
static void report_make(const char *path)
{
	FILE *file = fopen(path, "wbe");
	fuzz_require(file != NULL, "a report");
	(void)fprintf(file, "{\"format\":\"laggard-report\",\"version\":1,\"gpus\":[{}],"
		      "\"steps\":{\"list\":[");
	for (int i = 0; i < ROWS; i++)
		(void)fprintf(file,
			      "%s{\"number\":%d,\"duration_ns\":%d,\"parts_ns\":{\"copy\":%d}}",
			      i == 0 ? "" : ",", i, 1000 + i, i % 7);
	(void)fprintf(file, "]}}");
	fuzz_require(fclose(file) == 0, "a report");
}

static bool run_reader(const struct place *place, struct outcome *outcome, struct error *error)
{
	char path[PATH_BYTES];
	path_in(path, place->in, "rank0.db");
	return read_all(path, outcome, error);
}

/* A trace whose process was killed, in a folder where nobody may write. */
static bool run_reader_of_guarded(const struct place *place, struct outcome *outcome,
				  struct error *error)
{
	char path[PATH_BYTES];
	path_in(path, place->in, "guarded/killed.db");
	uid_t user = geteuid();
	if (user == 0 && seteuid(USER_NOBODY) != 0)
		return fail(error, ERROR_SYSTEM, "cannot become nobody");
	bool ok = read_all(path, outcome, error);
	if (user == 0 && seteuid(user) != 0)
		abort();
	return ok;
}

/* Inputs that could not be read stay in the set with their error; one is broken from the start. */
static bool run_trace_set(const struct place *place, struct outcome *outcome, struct error *error)
{
	struct trace_set *set = NULL;
	char folder[PATH_BYTES];
	path_in(folder, place->in, "set");
	const char *const arguments[] = { folder };
	if (!trace_set_open(&set, arguments, 1, NULL, error))
		return false;
	outcome->is_loss_told = trace_set_broken_count(set) > 1;
	for (size_t i = 0; i < trace_set_count(set); i++) {
		const struct trace_input *input = trace_set_input(set, i);
		if (input->reader != NULL)
			sign(outcome, trace_reader_trace(input->reader)->host,
			     strlen(trace_reader_trace(input->reader)->host));
		else if (input->error.message[0] == 0)
			outcome->signature = 0;
	}
	sign_integer(outcome, (int64_t)trace_set_count(set));
	trace_set_close(set);
	return true;
}

const struct operation operations[] = {
	{ "writing a trace", run_writer, NULL },
	{ "writing a trace in bulk", run_writer_bulk, NULL },
	{ "writing on after a failure", run_writer_going_on, check_written },
	{ "reading a trace", run_reader, NULL },
	{ "reading a killed trace in a guarded folder", run_reader_of_guarded, NULL },
	{ "opening a folder of traces", run_trace_set, NULL },
	{ "importing a Kineto trace", run_import_kineto, NULL },
	{ "importing a packed Kineto trace", run_import_packed, NULL },
	{ "importing a Nsight Systems export", run_import_nsys, NULL },
	{ "writing a sidecar", run_sidecar, NULL },
	{ "reading a sidecar", run_derived_reader, NULL },
	{ "comparing two runs", run_compare, NULL },
	{ "analysing and reporting", run_analyze, NULL },
	{ "analysing a window with two threads", run_analyze_window, NULL },
	{ "exporting a timeline", run_export, NULL },
	{ "exporting a packed timeline", run_export_packed, NULL },
	{ "exporting a timeline with its analysis in files", run_export_analysed, NULL },
	{ "exporting a Perfetto trace", run_export_perfetto, NULL },
	{ "exporting a picture", run_export_svg, NULL },
	{ "exporting the Nsight Systems layout", run_export_nsys, NULL },
	{ "exporting a page", run_export_html, NULL },
};
const int operation_count = sizeof operations / sizeof operations[0];

static void corpus_copy(const struct place *place, const char *from, const char *name)
{
	char path[PATH_BYTES];
	static unsigned char bytes[65536];
	FILE *in = fopen(from, "rbe");
	path_in(path, place->in, name);
	FILE *out = fopen(path, "wbe");
	fuzz_require(in != NULL && out != NULL, "the corpus is there: run it from the top folder");
	size_t size = fread(bytes, 1, sizeof bytes, in);
	fuzz_require(fwrite(bytes, 1, size, out) == size, "a copy of the corpus");
	(void)fclose(in);
	(void)fclose(out);
}

/* A child writes it and is gone before it could fold the journal in. */
static void killed_trace_make(const struct place *place)
{
	char folder[PATH_BYTES], path[PATH_BYTES];
	path_in(folder, place->in, "guarded");
	path_in(path, place->in, "guarded/killed.db");
	fuzz_require(mkdir(folder, 0755) == 0, "a folder");
	pid_t child = fork();
	if (child == 0) {
		struct trace_writer *writer = NULL;
		struct error error;
		bool ok = trace_writer_create(&writer, path, NULL, &error);
		for (int64_t i = 0; ok && i < ROWS; i++)
			ok = put_row(writer, i, &error);
		_exit(ok && trace_writer_commit(writer, &error) ? 0 : 1);
	}
	int status = 1;
	fuzz_require(child > 0 && waitpid(child, &status, 0) == child && status == 0,
		     "a trace of a killed process");
	path_in(path, place->in, "guarded/killed.db-shm");
	(void)unlink(path);
	fuzz_require(chmod(folder, 0555) == 0, "a guarded folder");
}

void operations_prepare(const struct place *place)
{
	char path[PATH_BYTES];
	struct trace_writer *writer = NULL;
	struct error error;
	path_in(path, place->out, "empty.db");
	fuzz_require(trace_writer_create(&writer, path, NULL, &error) &&
			     trace_writer_close(writer, &error),
		     "an empty trace");
	struct hostile_base *base = hostile_base_make(path, "tests/fuzz/base/trace.sql");
	(void)unlink(path);
	path_in(path, place->in, "set");
	fuzz_require(mkdir(path, 0755) == 0, "a folder");
	path_in(path, place->in, "set/rank0.db");
	hostile_base_write(base, NULL, path);
	path_in(path, place->in, "rank0.db");
	hostile_base_write(base, NULL, path);
	path_in(path, place->in, "rank1.db");
	hostile_base_write(base, "UPDATE trace SET rank = 1, pid = 800", path);
	base = hostile_base_make(NULL, "tests/fuzz/base/nsys.sql");
	path_in(path, place->in, "export.sqlite");
	hostile_base_write(base, NULL, path);
	corpus_copy(place, "tests/fuzz/corpus/json/collective.json", "kineto.json");
	corpus_copy(place, "tests/fuzz/corpus/json/packed.json.gz", "packed.json.gz");
	corpus_copy(place, "tests/fuzz/corpus/json/not-json.txt", "set/broken.json");
	corpus_copy(place, "tests/fuzz/corpus/json/waits.json", "set/waits.json");
	killed_trace_make(place);
	path_in(path, place->in, "report.json");
	report_make(path);
	struct sidecar *sidecar = NULL;
	path_in(path, place->in, SIDECAR_NAME);
	fuzz_require(sidecar_create(&sidecar, path, 100, &error) && sidecar_fill(sidecar, &error) &&
			     sidecar_commit(sidecar, &error),
		     "an analysis");
}
