/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/reader.h"
#include "tracedb/vocabulary.h"
#include "tracedb/writer.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error error;

static struct trace_writer *writer_new(const char *path)
{
	struct trace_writer *writer = NULL;
	CHECK_OK(trace_writer_create(&writer, path, NULL, &error), error);
	struct trace_row trace = { .trace_id = 1,
				   .source = "test",
				   .host = "h",
				   .pid = 7,
				   .rank = 2,
				   .world_size = 4,
				   .local_rank = -1,
				   .epoch_ns = 1790000000000000000,
				   .stop_ns = -1 };
	CHECK_OK(trace_put_trace(writer, &trace, &error), error);
	return writer;
}

static struct trace_reader *reader_new(const char *path)
{
	struct trace_reader *reader = NULL;
	CHECK_OK(trace_reader_open(&reader, path, &error), error);
	return reader;
}

/* A value that tells table, row, column and sign apart. */
static int64_t member_value(int table, int row, size_t column)
{
	int64_t value = (int64_t)table * 1000003 + row * 1009 + (int64_t)column + 1;
	return column % 3 == 2 ? -value * INT64_C(1000000007) : value;
}

static void row_fill(unsigned char *row, char (*texts)[32], int table, int number)
{
	const struct table_descriptor *descriptor = &trace_tables[table];
	for (size_t i = 0; i < descriptor->column_count; i++) {
		if (descriptor->columns[i].type == COLUMN_TYPE_INTEGER) {
			int64_t value = member_value(table, number, i);
			memcpy(row + descriptor->columns[i].offset, &value, sizeof value);
		} else {
			(void)snprintf(texts[i], sizeof texts[i], "t%" PRId64,
				       member_value(table, number, i));
			const char *text = texts[i];
			memcpy(row + descriptor->columns[i].offset, &text, sizeof text);
		}
	}
}

TEST(every_column_of_every_table_comes_back_as_it_was_put)
{
	struct trace_writer *writer = NULL;
	const char *path = test_path("all.db");
	uint64_t row[64], want[64];
	char texts[64][32], want_texts[64][32];
	CHECK_OK(trace_writer_create(&writer, path, NULL, &error), error);
	for (int table = 0; table < TABLE_COUNT; table++)
		for (int number = 0; number < 3; number++) {
			row_fill((unsigned char *)row, texts, table, number);
			CHECK_OK(trace_writer_put(writer, (enum trace_table)table, row, &error),
				 error);
		}
	CHECK_OK(trace_writer_close(writer, &error), error);

	struct trace_reader *reader = reader_new(path);
	for (int table = 0; table < TABLE_COUNT; table++) {
		const struct table_descriptor *descriptor = &trace_tables[table];
		struct trace_cursor *cursor = NULL;
		CHECK(descriptor->row_size <= sizeof row);
		CHECK_OK(trace_reader_select(reader, (enum trace_table)table, 0, 0, &cursor,
					     &error),
			 error);
		int count = 0;
		while (trace_cursor_next(cursor, row, &error) == 1) {
			row_fill((unsigned char *)want, want_texts, table, count++);
			for (size_t i = 0; i < descriptor->column_count; i++) {
				size_t offset = descriptor->columns[i].offset;
				if (descriptor->columns[i].type == COLUMN_TYPE_INTEGER) {
					CHECK(memcmp((unsigned char *)row + offset,
						     (unsigned char *)want + offset, 8) == 0);
				} else {
					const char *got;
					memcpy(&got, (unsigned char *)row + offset, sizeof got);
					CHECK_TEXT(got, want_texts[i]);
				}
			}
		}
		CHECK_INT(count, 3);
		trace_cursor_close(cursor);
	}
	trace_reader_close(reader);
}

TEST(a_closed_trace_is_one_file_and_never_overwritten)
{
	const char *path = test_path("one.db");
	struct trace_writer *writer = writer_new(path);
	CHECK_OK(trace_writer_close(writer, &error), error);
	char wal[300];
	(void)snprintf(wal, sizeof wal, "%s-wal", path);
	CHECK(access(path, F_OK) == 0);
	CHECK(access(wal, F_OK) != 0);
	CHECK(!trace_writer_create(&writer, path, NULL, &error));
	CHECK_CONTAINS(error.message, "File exists");
}

TEST(interning_gives_equal_things_equal_ids)
{
	const char *path = test_path("intern.db");
	struct trace_writer *writer = writer_new(path);
	int64_t a = 0, b = 0, c = 0, empty = 5;
	CHECK_OK(trace_writer_string(writer, "alpha", 5, &a, &error), error);
	CHECK_OK(trace_writer_string(writer, "beta", 4, &b, &error), error);
	CHECK_OK(trace_writer_string(writer, "alphabet", 5, &c, &error), error);
	CHECK_OK(trace_writer_string(writer, "", 0, &empty, &error), error);
	CHECK_INT(a, 1);
	CHECK_INT(b, 2);
	CHECK_INT(c, a);
	CHECK_INT(empty, 0);
	struct kernel_symbol_row shape = { .name_id = a, .grid_x = 4 },
				 other = { .name_id = a, .grid_x = 5 };
	struct kernel_symbol_row same = { .kernel_id = 99, .name_id = a, .grid_x = 4 };
	CHECK_OK(trace_writer_kernel_symbol(writer, &shape, &error), error);
	CHECK_OK(trace_writer_kernel_symbol(writer, &other, &error), error);
	CHECK_OK(trace_writer_kernel_symbol(writer, &same, &error), error);
	CHECK_INT(shape.kernel_id, 1);
	CHECK_INT(other.kernel_id, 2);
	CHECK_INT(same.kernel_id, 1);
	struct stream_row stream = { .device_id = 0, .context_id = 1, .number = 7 };
	struct stream_row elsewhere = { .device_id = 1, .context_id = 1, .number = 7 };
	struct stream_row again = { .device_id = 0, .context_id = 1, .number = 7 };
	CHECK_OK(trace_writer_stream(writer, &stream, &error), error);
	CHECK_OK(trace_writer_stream(writer, &elsewhere, &error), error);
	CHECK_OK(trace_writer_stream(writer, &again, &error), error);
	CHECK_INT(stream.stream_id, 1);
	CHECK_INT(elsewhere.stream_id, 2);
	CHECK_INT(again.stream_id, 1);
	CHECK_OK(trace_writer_close(writer, &error), error);

	struct trace_reader *reader = reader_new(path);
	CHECK_OK(trace_reader_load_strings(reader, &error), error);
	CHECK_TEXT(trace_reader_string(reader, 2), "beta");
	CHECK_TEXT(trace_reader_string(reader, 0), "");
	CHECK_TEXT(trace_reader_string(reader, 3), "");
	CHECK_TEXT(trace_reader_string(reader, -1), "");
	CHECK_TEXT(trace_reader_string(reader, INT64_MAX), "");
	CHECK_INT(trace_reader_trace(reader)->rank, 2);
	CHECK_TEXT(trace_reader_trace(reader)->host, "h");
	trace_reader_close(reader);
}

TEST(losses_of_one_reason_are_summed_and_their_number_is_bounded)
{
	const char *path = test_path("loss.db");
	struct trace_writer *writer = writer_new(path);
	char reason[32];
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(reason, sizeof reason, "reason %d", i);
		CHECK_OK(trace_writer_loss(writer, "test", reason, 2, 100 + i, &error), error);
	}
	CHECK_OK(trace_writer_commit(writer, &error), error);
	CHECK_OK(trace_writer_loss(writer, "test", "reason 0", 5, 50, &error), error);
	CHECK_OK(trace_writer_close(writer, &error), error);
	struct trace_reader *reader = reader_new(path);
	struct trace_cursor *cursor = NULL;
	struct loss_row row;
	int64_t sum = 0, rows = 0;
	CHECK_OK(trace_reader_select(reader, TABLE_loss, 0, -1, &cursor, &error), error);
	while (trace_cursor_next(cursor, &row, &error) == 1) {
		sum += row.count;
		if (rows++ == 0) {
			CHECK_TEXT(row.reason, "reason 0");
			CHECK_INT(row.count, 7);
			CHECK_INT(row.first_ns, 50);
			CHECK_INT(row.last_ns, 100);
		}
	}
	CHECK_INT(sum, 6005);
	CHECK(rows <= 1024);
	trace_cursor_close(cursor);
	trace_reader_close(reader);
}

TEST(a_killed_writer_leaves_what_was_committed)
{
	const char *path = test_path("killed.db");
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		struct trace_writer *writer = writer_new(path);
		struct kernel_row row = { .start_ns = 1, .duration_ns = 2 };
		for (int i = 0; i < 100; i++)
			(void)trace_put_kernel(writer, &row, &error);
		(void)trace_writer_commit(writer, &error);
		(void)trace_put_kernel(writer, &row, &error);
		(void)raise(SIGKILL);
	}
	int status = 0;
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status));
	struct trace_reader *reader = reader_new(path);
	int64_t count = 0;
	CHECK_OK(trace_reader_count(reader, TABLE_kernel, &count, &error), error);
	CHECK_INT(count, 100);
	trace_reader_close(reader);
}

static void database_run(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, message);
	sqlite3_close(db);
}

TEST(an_estimate_of_rows_is_no_more_than_what_the_file_can_hold)
{
	const char *path = test_path("estimate.db");
	struct trace_writer *writer = writer_new(path);
	struct kernel_row row = { .start_ns = 1, .duration_ns = 2 };
	const struct memcpy_row copy = { .start_ns = 1 };
	for (int i = 0; i < 1000; i++)
		CHECK_OK(trace_put_kernel(writer, &row, &error), error);
	CHECK_OK(trace_put_memcpy(writer, &copy, &error), error);
	CHECK_OK(trace_writer_close(writer, &error), error);
	struct trace_reader *reader = reader_new(path);
	CHECK_INT((int64_t)trace_reader_estimate_rows(reader, TABLE_kernel), 1000);
	CHECK_INT((int64_t)trace_reader_estimate_rows(reader, TABLE_memset), 0);
	trace_reader_close(reader);
	database_run(path, "UPDATE kernel SET rowid = 9223372036854775807 WHERE rowid = 1000;"
			   "UPDATE memcpy SET rowid = -5");
	reader = reader_new(path);
	CHECK(trace_reader_estimate_rows(reader, TABLE_kernel) < 1000000);
	CHECK_INT((int64_t)trace_reader_estimate_rows(reader, TABLE_memcpy), 0);
	trace_reader_close(reader);
}

static void check_refused(const char *path, const char *fragment)
{
	struct trace_reader *reader = NULL;
	CHECK(!trace_reader_open(&reader, path, &error));
	CHECK(reader == NULL);
	CHECK_CONTAINS(error.message, fragment);
	CHECK_CONTAINS(error.message, path);
	CHECK_INT(error.kind, ERROR_INPUT);
}

TEST(foreign_newer_empty_and_missing_files_are_refused_by_name)
{
	const char *newer = test_path("newer.db"), *foreign = test_path("foreign.db");
	const char *empty = test_path("empty.db"), *text = test_path("text.db");
	CHECK_OK(trace_writer_close(writer_new(newer), &error), error);
	database_run(newer, "PRAGMA user_version=99");
	check_refused(newer, "version 99");
	database_run(foreign, "CREATE TABLE t (a)");
	check_refused(foreign, "not a trace");
	FILE *file = fopen(empty, "w");
	CHECK(file != NULL);
	(void)fclose(file);
	check_refused(empty, "is empty");
	file = fopen(text, "w");
	CHECK(file != NULL);
	(void)fputs("hello", file);
	(void)fclose(file);
	check_refused(text, "not a trace database");
	check_refused(test_path("missing.db"), "No such file");
	check_refused(test_folder(), "is a folder");
}

TEST(a_trace_cut_anywhere_gives_one_error_and_no_crash)
{
	const char *path = test_path("whole.db"), *cut = test_path("cut.db");
	struct trace_writer *writer = writer_new(path);
	struct kernel_row row = { .stream_id = 1 };
	for (int i = 0; i < 5000; i++) {
		row.start_ns = i;
		CHECK_OK(trace_put_kernel(writer, &row, &error), error);
	}
	CHECK_OK(trace_writer_close(writer, &error), error);
	struct stat status;
	CHECK(stat(path, &status) == 0);
	for (off_t size = 0; size < status.st_size; size += 3001) {
		char command[700];
		(void)snprintf(command, sizeof command, "head -c %ld '%s' > '%s'", (long)size, path,
			       cut);
		CHECK_INT(system(command), 0);
		struct trace_reader *reader = NULL;
		int result = -1;
		if (trace_reader_open(&reader, cut, &error)) {
			struct trace_cursor *cursor = NULL;
			if (trace_reader_select(reader, TABLE_kernel, 0, -1, &cursor, &error))
				while ((result = trace_cursor_next(cursor, &row, &error)) == 1)
					continue;
			trace_cursor_close(cursor);
		}
		trace_reader_close(reader);
		CHECK_INT(result, -1);
		CHECK_CONTAINS(error.message, cut);
	}
}

TEST(views_and_virtual_tables_in_place_of_tables_are_refused)
{
	const char *path = test_path("view.db");
	CHECK_OK(trace_writer_close(writer_new(path), &error), error);
	database_run(path, "DROP TABLE kernel; CREATE VIEW kernel AS SELECT 1 AS start_ns");
	check_refused(path, "'kernel' is not a plain table");
}

TEST(a_missing_table_reads_as_empty_and_a_missing_column_as_zero)
{
	const char *path = test_path("older.db");
	CHECK_OK(trace_writer_close(writer_new(path), &error), error);
	database_run(path, "DROP TABLE memset; DROP TABLE kernel;"
			   "CREATE TABLE kernel (start_ns INTEGER, more TEXT); INSERT INTO kernel "
			   "VALUES (5, 'x')");
	struct trace_reader *reader = reader_new(path);
	struct trace_cursor *cursor = NULL;
	struct memset_row none;
	CHECK_OK(trace_reader_select(reader, TABLE_memset, 0, 0, &cursor, &error), error);
	CHECK_INT(trace_cursor_next(cursor, &none, &error), 0);
	trace_cursor_close(cursor);
	struct kernel_row row = { .duration_ns = 77 };
	CHECK_OK(trace_reader_select(reader, TABLE_kernel, 0, COLUMN_kernel_duration_ns, &cursor,
				     &error),
		 error);
	CHECK_INT(trace_cursor_next(cursor, &row, &error), 1);
	CHECK_INT(row.start_ns, 5);
	CHECK_INT(row.duration_ns, 0);
	trace_cursor_close(cursor);
	trace_reader_close(reader);
}

TEST(a_trace_of_version_1_reads_with_an_empty_environment)
{
	const char *path = test_path("version1.db");
	CHECK_OK(trace_writer_close(writer_new(path), &error), error);
	database_run(path, "ALTER TABLE trace DROP COLUMN environment; PRAGMA user_version=1");
	struct trace_reader *reader = reader_new(path);
	CHECK_INT(trace_reader_version(reader), 1);
	CHECK_TEXT(trace_reader_trace(reader)->environment, "");
	CHECK_INT(trace_reader_trace(reader)->rank, 2);
	trace_reader_close(reader);
}

TEST(kernels_are_classified_by_name_in_all_generations)
{
	static const char *const communication[] = {
		"ncclKernel_AllReduce_RING_LL_Sum_float", "ncclDevKernel_SendRecv",
		"_Z31ncclDevKernel_AllReduce_Sum_f32_RING_LL24ncclDevKernelArgsStorageILm4096EE",
		"ncclAllReduceRingLLKernel_sum_f32(ncclColl)", "ncclSymDevKernel_AllReduce_AGxLL_R",
		"ncclSymkDevKernel_AllGather_LL", "void oneRankReduce<FuncPreMulSum<float>>(void*)",
		"nvshmemi_transfer_rma", "void vllm::cross_device_reduce_1stage<float, 2>",
		"deep_ep::internode::dispatch", "multimem_all_reduce_kernel",
	};
	static const char *const compute[] = {
		"ampere_sgemm_128x64_tn",
		"ncclKernelPlan",
		"void at::native::vectorized_elementwise_kernel<4>",
		"",
		"nccl",
		"myncclLikeKernel",
		"reduce_kernel",
	};
	for (size_t i = 0; i < sizeof communication / sizeof communication[0]; i++)
		if (kernel_class_of(communication[i]) != KERNEL_COMMUNICATION)
			test_fail(__FILE__, __LINE__, "'%s' is communication", communication[i]);
	for (size_t i = 0; i < sizeof compute / sizeof compute[0]; i++)
		if (kernel_class_of(compute[i]) != KERNEL_COMPUTE)
			test_fail(__FILE__, __LINE__, "'%s' is compute", compute[i]);
}

TEST(copy_names_of_other_tools_are_understood)
{
	CHECK_INT(copy_direction_from_name("HtoD", 4), COPY_HTOD);
	CHECK_INT(copy_direction_from_name("ptop", 4), COPY_PTOP);
	CHECK_INT(copy_direction_from_name("XtoY", 4), COPY_UNKNOWN);
	CHECK_INT(memory_kind_from_name("Pinned", 6), MEMORY_PINNED);
	CHECK_INT(memory_kind_from_name("Host", 4), MEMORY_HOST);
	CHECK_TEXT(memory_kind_name(MEMORY_PAGEABLE), "Pageable");
	CHECK_TEXT(copy_direction_name(-5), "Unknown");
	CHECK_TEXT(copy_direction_name(INT64_MAX), "Unknown");
}
