/* SPDX-License-Identifier: MIT */
#include "analyzer/sidecar.h"
#include "base/error.h"
#include "tests/unit/harness.h"
#include "tracedb/derived_reader.h"
#include "tracedb/derived_writer.h"
#include "tracedb/file_format.h"
#include "tracedb/import.h"
#include "tracedb/trace_set.h"
#include "tracedb/writer.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;

/* A value that tells table, row, column and sign apart. */
static int64_t member_value(size_t table, int row, size_t column)
{
	int64_t value = (int64_t)table * 1000003 + row * 1009 + (int64_t)column + 1;
	return column % 3 == 2 ? -value * INT64_C(1000000007) : value;
}

static void row_make(unsigned char *row, char (*texts)[32], size_t table, int number)
{
	const struct table_descriptor *descriptor = &derived_tables[table];
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const int64_t value = member_value(table, number, i);
		const char *text = texts[i];
		(void)snprintf(texts[i], sizeof texts[i], "t%" PRId64, value);
		if (descriptor->columns[i].type == COLUMN_TYPE_INTEGER)
			memcpy(row + descriptor->columns[i].offset, &value, sizeof value);
		else
			memcpy(row + descriptor->columns[i].offset, &text, sizeof text);
	}
}

static void row_check(const unsigned char *row, size_t table, int number)
{
	uint64_t want[64];
	char texts[64][32];
	const struct table_descriptor *descriptor = &derived_tables[table];
	row_make((unsigned char *)want, texts, table, number);
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const unsigned char *at = row + descriptor->columns[i].offset;
		const char *got;
		if (descriptor->columns[i].type == COLUMN_TYPE_INTEGER) {
			CHECK(memcmp(at, (unsigned char *)want + descriptor->columns[i].offset,
				     sizeof(int64_t)) == 0);
			continue;
		}
		memcpy(&got, at, sizeof got);
		CHECK_TEXT(got, texts[i]);
	}
}

static struct sidecar *sidecar_new(const char *path, int64_t shortest_gap_ns)
{
	struct sidecar *sidecar = NULL;
	CHECK_OK(sidecar_create(&sidecar, path, shortest_gap_ns, &error), error);
	const struct analysis_row analysis = { .tool_version = "9.9", .window_kind = "steady" };
	CHECK_OK(sidecar_add_analysis(sidecar, &analysis, &error), error);
	for (int64_t gpu = 0; gpu < 2; gpu++) {
		const struct gpu_time_row row = { .gpu_id = gpu, .trace_id = gpu + 10,
						  .rank = gpu + 20, .idle_ns = 1000 };
		CHECK_OK(sidecar_add_gpu_time(sidecar, &row, &error), error);
	}
	return sidecar;
}

static struct derived_reader *reader_new(const char *path)
{
	struct derived_reader *reader = NULL;
	CHECK_OK(derived_reader_open(&reader, path, &error), error);
	return reader;
}

static int64_t ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
	CHECK_INT(sqlite3_step(statement), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static void change(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int files_in(const char *folder)
{
	int count = 0;
	DIR *entries = opendir(folder);
	CHECK(entries != NULL);
	for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
		count += entry->d_name[0] != '.';
	(void)closedir(entries);
	return count;
}

TEST(every_column_of_every_derived_table_comes_back_as_it_was_put)
{
	struct derived_writer *writer = NULL;
	const char *path = test_path("all.db");
	uint64_t row[64];
	char texts[64][32];
	CHECK_OK(derived_writer_create(&writer, path, &error), error);
	for (size_t table = 0; table < DERIVED_COUNT; table++)
		for (int number = 0; number < 3; number++) {
			row_make((unsigned char *)row, texts, table, number);
			CHECK_OK(derived_writer_put(writer, (enum derived_table)table, row, &error),
				 error);
		}
	CHECK_OK(derived_writer_commit(writer, &error), error);
	struct derived_reader *reader = reader_new(path);
	for (size_t table = 0; table < DERIVED_COUNT; table++) {
		struct trace_cursor *cursor = NULL;
		int64_t rows = 0;
		int count = 0;
		CHECK(derived_tables[table].row_size <= sizeof row);
		CHECK_OK(derived_reader_count(reader, (enum derived_table)table, &rows, &error),
			 error);
		CHECK_INT(rows, 3);
		CHECK_OK(derived_reader_select(reader, (enum derived_table)table, 0, 0, &cursor,
					       &error),
			 error);
		while (trace_cursor_next(cursor, row, &error) == 1)
			row_check((unsigned char *)row, table, count++);
		CHECK_INT(count, 3);
		trace_cursor_close(cursor);
	}
	derived_reader_close(reader);
}

TEST(derived_tables_follow_the_rules_of_their_file)
{
	for (size_t table = 0; table < DERIVED_COUNT; table++) {
		const struct table_descriptor *descriptor = &derived_tables[table];
		CHECK(descriptor->column_count <= 64);
		for (int other = 0; other < TABLE_COUNT; other++)
			CHECK(strcmp(descriptor->name, trace_tables[other].name) != 0);
		for (size_t i = 0; i < descriptor->column_count; i++)
			CHECK(descriptor->columns[i].is_key == 0 || i == 0);
	}
}

TEST(rows_of_a_sidecar_learn_trace_and_rank_from_their_gpu)
{
	const char *path = test_path("sidecar.db");
	struct sidecar *sidecar = sidecar_new(path, 0);
	const struct step_row step = { .number = 3, .gpu_id = 1, .trace_id = 77, .duration_ns = 9 };
	const struct finding_row finding = { .name = "gpu-idle", .gpu_id = 0 };
	const struct finding_row nowhere = { .name = "ranks-missing", .gpu_id = -1,
					     .trace_id = -1, .rank = 5 };
	CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
	CHECK_OK(sidecar_add_finding(sidecar, &finding, &error), error);
	CHECK_OK(sidecar_add_finding(sidecar, &nowhere, &error), error);
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	CHECK_INT(ask(path, "SELECT trace_id * 100 + rank FROM step WHERE number = 3"), 1121);
	CHECK_INT(ask(path, "SELECT trace_id * 100 + rank FROM finding WHERE finding_id = 1"),
		  1020);
	CHECK_INT(ask(path, "SELECT rank FROM finding WHERE finding_id = 2 AND gpu_id = -1"), 5);
	struct derived_reader *reader = reader_new(path);
	CHECK_TEXT(derived_reader_analysis(reader)->tool_version, "9.9");
	CHECK_TEXT(derived_reader_analysis(reader)->window_kind, "steady");
	derived_reader_close(reader);
}

TEST(short_pieces_of_idle_time_are_summed_and_none_is_lost)
{
	static const char *const causes[] = { "sync", "launch-bound", "unexplained" };
	const char *path = test_path("sidecar.db");
	struct sidecar *sidecar = sidecar_new(path, 1000);
	int64_t sum[2][3] = { 0 };
	for (int64_t i = 0; i < 3000; i++) {
		const struct sidecar_piece piece = {
			.gpu_id = i % 2,
			.start_ns = 1790000000000000000 + i,
			.duration_ns = i * 7919 % 2003,
			.cause = causes[i % 3],
			.gap = i,
			.step = i / 100,
			.call = i % 5 == 0 ? NULL : "cudaStreamSynchronize",
			.next = "gemm",
		};
		sum[i % 2][i % 3] += piece.duration_ns;
		CHECK_OK(sidecar_add_piece(sidecar, &piece, &error), error);
	}
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	for (int gpu = 0; gpu < 2; gpu++)
		for (int cause = 0; cause < 3; cause++) {
			char sql[200];
			(void)snprintf(sql, sizeof sql, "SELECT sum(duration_ns) FROM idle_gap "
				       "WHERE gpu_id = %d AND cause = '%s'", gpu, causes[cause]);
			CHECK_INT(ask(path, sql), sum[gpu][cause]);
		}
	CHECK_INT(ask(path, "SELECT sum(pieces) FROM idle_gap"), 3000);
	CHECK_INT(ask(path, "SELECT count(*) FROM idle_gap WHERE is_rest = 1"), 6);
	CHECK_INT(ask(path, "SELECT min(duration_ns) >= 1000 FROM idle_gap WHERE is_rest = 0"), 1);
	CHECK_INT(ask(path, "SELECT count(*) FROM idle_gap WHERE rank <> gpu_id + 20"), 0);
	CHECK_INT(ask(path, "SELECT count(*) FROM text"), 2);
	struct derived_reader *reader = reader_new(path);
	CHECK_OK(derived_reader_load_texts(reader, &error), error);
	CHECK_TEXT(derived_reader_text(reader, 0), "");
	CHECK_TEXT(derived_reader_text(reader, 99), "");
	CHECK_INT(derived_reader_analysis(reader)->shortest_gap_ns, 1000);
	derived_reader_close(reader);
}

TEST(every_view_of_the_analysis_answers)
{
	const char *path = test_path("sidecar.db");
	struct sidecar *sidecar = sidecar_new(path, 0);
	const struct idle_cause_row cause = { .gpu_id = 1, .cause = "sync", .idle_ns = 5 };
	const struct collective_instance_row instance = { .communicator = "c", .latest_gpu_id = 1 };
	const struct sidecar_piece piece = { .gpu_id = 1, .duration_ns = 5, .cause = "sync" };
	const struct step_row step = { .is_steady = 1, .duration_ns = 5 };
	CHECK_OK(sidecar_add_idle_cause(sidecar, &cause, &error), error);
	CHECK_OK(sidecar_add_collective_instance(sidecar, &instance, &error), error);
	CHECK_OK(sidecar_add_piece(sidecar, &piece, &error), error);
	CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	for (const struct view_descriptor *view = derived_views; view->name != NULL; view++) {
		char sql[100];
		(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", view->name);
		CHECK_INT(ask(path, sql), 1);
	}
}

TEST(a_sidecar_appears_only_when_it_is_complete)
{
	const char *path = test_path("sidecar.db");
	struct sidecar *sidecar = sidecar_new(path, 0);
	CHECK(access(path, F_OK) != 0);
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	CHECK(access(path, F_OK) == 0);
	/* The next one takes its place at once, or not at all. */
	sidecar = sidecar_new(path, 0);
	const struct step_row step = { .number = 1 };
	CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
	CHECK_INT(ask(path, "SELECT count(*) FROM step"), 0);
	sidecar_abandon(sidecar);
	CHECK_INT(ask(path, "SELECT count(*) FROM step"), 0);
	CHECK_INT(files_in(test_folder()), 1);
	sidecar = sidecar_new(path, 0);
	CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	CHECK_INT(ask(path, "SELECT count(*) FROM step"), 1);
	CHECK_INT(files_in(test_folder()), 1);
}

TEST(a_sidecar_replaces_no_trace_and_no_folder)
{
	struct sidecar *sidecar = NULL;
	struct trace_writer *writer = NULL;
	const char *path = test_path("trace.db");
	CHECK_OK(trace_writer_create(&writer, path, NULL, &error), error);
	CHECK_OK(trace_writer_close(writer, &error), error);
	CHECK(!sidecar_create(&sidecar, path, 0, &error));
	CHECK_CONTAINS(error.message, "something else has this name");
	CHECK(!sidecar_create(&sidecar, test_folder(), 0, &error));
	CHECK_CONTAINS(error.message, "something else has this name");
	CHECK(!sidecar_create(&sidecar, test_path("no/such/folder.db"), 0, &error));
	CHECK_CONTAINS(error.message, "No such file");
	CHECK_INT(files_in(test_folder()), 1);
}

/* A limit on the size of files stands for a full disk: writes fail in the same places. */
TEST(a_full_disk_leaves_the_analysis_that_was_there)
{
	const char *path = test_path("sidecar.db");
	CHECK_OK(sidecar_commit(sidecar_new(path, 0), &error), error);
	struct sidecar *sidecar = sidecar_new(path, 0);
	const struct rlimit limit = { .rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY };
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	bool ok = true;
	for (int64_t i = 0; ok && i < 1000000; i++) {
		const struct step_row step = { .number = i, .start_ns = i * 1000000007 };
		ok = sidecar_add_step(sidecar, &step, &error);
	}
	if (ok)
		ok = sidecar_commit(sidecar, &error);
	else
		sidecar_abandon(sidecar);
	CHECK(!ok);
	CHECK_CONTAINS(error.message, path);
	CHECK_INT(files_in(test_folder()), 1);
	CHECK_INT(ask(path, "SELECT count(*) FROM step"), 0);
	derived_reader_close(reader_new(path));
}

TEST(a_sidecar_stands_beside_its_traces)
{
	static const struct { const char *named, *path; } cases[] = {
		{ "rank0.db", SIDECAR_NAME },
		{ "traces/rank0.db", "traces/" SIDECAR_NAME },
		{ "/rank0.db", "/" SIDECAR_NAME },
		{ "/tmp", "/tmp/" SIDECAR_NAME },
		{ "/tmp/", "/tmp/" SIDECAR_NAME },
		{ ".", "./" SIDECAR_NAME },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct text path;
		text_begin(&path, 4096);
		sidecar_add_path(&path, cases[i].named);
		CHECK_TEXT(text_string(&path), cases[i].path);
		text_end(&path);
	}
}

TEST(a_sidecar_among_traces_is_no_trace)
{
	struct trace_writer *writer = NULL;
	struct trace_set *set = NULL;
	struct import_result result = { 0 };
	const char *path = test_path(SIDECAR_NAME);
	const char *const folder[] = { test_folder() };
	const char *const named[] = { path };
	enum file_format format;
	CHECK_OK(trace_writer_create(&writer, test_path("rank0.db"), NULL, &error), error);
	CHECK_OK(trace_writer_close(writer, &error), error);
	CHECK_OK(sidecar_commit(sidecar_new(path, 0), &error), error);
	CHECK_OK(file_format_of(path, &format, &error), error);
	CHECK_INT(format, FILE_FORMAT_ANALYSIS);
	CHECK_OK(trace_set_open(&set, folder, 1, NULL, &error), error);
	CHECK_INT(trace_set_count(set), 1);
	CHECK_INT(trace_set_broken_count(set), 0);
	trace_set_close(set);
	CHECK(!trace_set_open(&set, named, 1, NULL, &error));
	CHECK_CONTAINS(error.message, "is a result of laggard itself: give it the traces");
	CHECK(!import_file(path, test_folder(), NULL, &result, &error));
	CHECK_CONTAINS(error.message, "is a result of laggard itself");
	struct trace_reader *reader = NULL;
	CHECK(!trace_reader_open(&reader, path, &error));
	CHECK_CONTAINS(error.message, "but not a trace");
	struct derived_reader *derived = NULL;
	CHECK(!derived_reader_open(&derived, test_path("rank0.db"), &error));
	CHECK_CONTAINS(error.message, "is no analysis of laggard");
}

TEST(a_hostile_analysis_gives_one_clear_error)
{
	static const struct { const char *sql, *fragment; } cases[] = {
		{ "PRAGMA user_version = 99", "is an analysis of version 99, this laggard reads" },
		{ "PRAGMA user_version = 0", "which never existed" },
		{ "DELETE FROM analysis", "says nothing about its analysis" },
		{ "DROP TABLE analysis", "says nothing about its analysis" },
		{ "DROP TABLE step; CREATE VIEW step AS SELECT 1 AS number", "not a plain table" },
		{ "DROP TABLE finding; CREATE TABLE other (a);"
		  "CREATE VIEW finding AS SELECT randomblob(1000000000) AS name FROM other",
		  "not a plain table" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE x (' "
		  "WHERE name = 'step'", "malformed" },
	};
	const char *good = test_path("good.db"), *path = test_path("bad.db");
	CHECK_OK(sidecar_commit(sidecar_new(good, 0), &error), error);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char command[600];
		struct derived_reader *reader = NULL;
		(void)snprintf(command, sizeof command, "cp '%s' '%s'", good, path);
		CHECK_INT(system(command), 0);
		change(path, cases[i].sql);
		CHECK(!derived_reader_open(&reader, path, &error));
		CHECK_INT(error.kind, ERROR_INPUT);
		CHECK_CONTAINS(error.message, path);
		CHECK_CONTAINS(error.message, cases[i].fragment);
	}
}

TEST(an_older_analysis_reads_with_zeros_where_it_has_no_column)
{
	const char *path = test_path("old.db");
	struct sidecar *sidecar = sidecar_new(path, 0);
	const struct step_row step = { .number = 4, .gpu_id = 1, .kernels = 8 };
	struct step_row got = { .kernels = 1 };
	struct trace_cursor *cursor = NULL;
	CHECK_OK(sidecar_add_step(sidecar, &step, &error), error);
	CHECK_OK(sidecar_commit(sidecar, &error), error);
	change(path, "ALTER TABLE step DROP COLUMN kernels; DROP TABLE step_idle");
	struct derived_reader *reader = reader_new(path);
	CHECK_OK(derived_reader_select(reader, DERIVED_step, 0, -1, &cursor, &error), error);
	CHECK_INT(trace_cursor_next(cursor, &got, &error), 1);
	CHECK_INT(got.number, 4);
	CHECK_INT(got.kernels, 0);
	trace_cursor_close(cursor);
	struct step_idle_row none;
	CHECK_OK(derived_reader_select(reader, DERIVED_step_idle, 0, -1, &cursor, &error), error);
	CHECK_INT(trace_cursor_next(cursor, &none, &error), 0);
	trace_cursor_close(cursor);
	derived_reader_close(reader);
}
