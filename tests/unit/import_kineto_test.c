/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/import.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *write_text(const char *name, const char *text)
{
	const char *path = test_path(name);
	FILE *file = fopen(path, "wb");
	CHECK(file != NULL && fputs(text, file) >= 0);
	CHECK(fclose(file) == 0);
	return path;
}

/* The last one, so that it does not leak: a test is a process. */
static sqlite3 *opened;

static sqlite3 *open_database(const char *path)
{
	(void)sqlite3_close(opened);
	CHECK(sqlite3_open_v2(path, &opened, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	return opened;
}

/* Imports `text` as "x.json" and gives the database "x.trace.db" opened; an older one is removed.
 */
static sqlite3 *import_text(const char *text)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	(void)remove(test_path("x.trace.db"));
	CHECK_OK(import_kineto(write_text("x.json", text), test_folder(), NULL, &result, &error),
		 error);
	CHECK_INT(result.count, 1);
	sqlite3 *db = open_database(result.paths[0]);
	import_result_end(&result);
	return db;
}

/* A traceEvents file around `events`. */
static sqlite3 *import_events(const char *events)
{
	size_t size = strlen(events) + 64;
	char *text = malloc(size);
	CHECK(text != NULL);
	(void)snprintf(text, size, "{\"schemaVersion\": 1, \"traceEvents\": [%s]}", events);
	sqlite3 *db = import_text(text);
	free(text);
	return db;
}

/* The first row of a query, columns joined by '|', rows by newlines. Borrowed until the next call.
 */
static const char *query(sqlite3 *db, const char *sql)
{
	static char text[8192];
	sqlite3_stmt *statement = NULL;
	size_t length = 0;
	text[0] = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "%s: %s", sql, sqlite3_errmsg(db));
	for (int row = 0; sqlite3_step(statement) == SQLITE_ROW; row++) {
		for (int i = 0; i < sqlite3_column_count(statement); i++) {
			const unsigned char *value = sqlite3_column_text(statement, i);
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%s",
						   i > 0     ? "|"
						   : row > 0 ? "\n"
							     : "",
						   value == NULL ? (const unsigned char *)"NULL"
								 : value);
			CHECK(length < sizeof text);
		}
	}
	sqlite3_finalize(statement);
	return text;
}

#define CHECK_QUERY(db, sql, want) CHECK_TEXT(query(db, sql), want)

/* Unix times, whatever the epoch. */
#define KERNELS \
	"SELECT t.epoch_ns + k.start_ns, k.duration_ns, s.device_id, s.number, n.value, " \
	"k.correlation_id " \
	"FROM kernel k, trace t JOIN stream s USING (stream_id) JOIN kernel_symbol y USING " \
	"(kernel_id) " \
	"JOIN string n ON n.string_id = y.name_id ORDER BY k.rowid"

TEST(a_kernel_of_2023_becomes_a_row_with_its_launch_shape)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"gemm\", \"pid\": 3, \"tid\": 7, "
		"\"ts\": 1661203463029566, \"dur\": 7, \"args\": {\"External id\": 5, \"queued\": "
		"0, "
		"\"device\": 3, \"context\": 1, \"stream\": 7, \"correlation\": 1869557, "
		"\"registers per thread\": 90, \"shared memory\": 49152, \"blocks per SM\": 0.59, "
		"\"grid\": [64, 2, 1], \"block\": [128, 4, 3], \"est. achieved occupancy %\": 4, "
		"\"graph id\": 2, \"graph node id\": 8589934601, \"priority\": -5, "
		"\"occupancy\": {\"limitingFactors\": \"BLOCKS\", \"stream\": 99, \"n\": [[1], "
		"{\"a\": 2}]}}}");
	CHECK_QUERY(db, KERNELS, "1661203463029566000|7000|3|7|gemm|1869557");
	CHECK_QUERY(db, "SELECT start_ns, graph_id, graph_node_id FROM kernel", "0|2|8589934601");
	CHECK_QUERY(db,
		    "SELECT grid_x, grid_y, grid_z, block_x, block_y, block_z, registers, "
		    "static_shared_bytes + dynamic_shared_bytes FROM kernel_symbol",
		    "64|2|1|128|4|3|90|49152");
	CHECK_QUERY(db, "SELECT context_id, priority FROM stream", "1|-5");
	CHECK_QUERY(db, "SELECT context_id, device_id FROM context", "1|3");
	CHECK_QUERY(db, "SELECT source, epoch_ns, stop_ns, rank, world_size, pid FROM trace",
		    "kineto|1661203463029566000|7000|-1|-1|-1");
	CHECK_QUERY(db, "SELECT count(*) FROM loss", "0");
}

TEST(times_relative_to_a_base_are_exact_wherever_the_base_stands)
{
	sqlite3 *db = import_text(
		"{\"traceEvents\": [{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": "
		"0, "
		"\"tid\": 7, \"ts\": 4458676983543.183, \"dur\": 41.407, \"args\": {\"device\": 0, "
		"\"stream\": 7}}, {\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": "
		"0, "
		"\"tid\": 7, \"ts\": 4458676983543.1, \"dur\": 0.6, \"args\": {\"device\": 0, "
		"\"stream\": 7}}], \"displayTimeUnit\": \"ns\", "
		"\"baseTimeNanoseconds\": 1711964646000000000}");
	CHECK_QUERY(db, KERNELS,
		    "1716423322983543183|41407|0|7|k|0\n1716423322983543100|600|0|7|k|0");
	CHECK_QUERY(db, "SELECT start_ns FROM kernel ORDER BY rowid", "0\n-83");
}

TEST(a_trace_may_begin_at_time_zero)
{
	sqlite3 *db = import_events("{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"never\", "
				    "\"pid\": 0, \"tid\": 7, \"ts\": 0, \"dur\": 0}, "
				    "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", "
				    "\"pid\": 0, \"tid\": 7, \"ts\": 0, \"dur\": 5}, "
				    "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", "
				    "\"pid\": 0, \"tid\": 7, \"ts\": 10, \"dur\": 5}");
	CHECK_QUERY(db, KERNELS, "0|5000|0|7|k|0\n10000|5000|0|7|k|0");
	CHECK_QUERY(db, "SELECT reason, count FROM loss", "zero time stamp|1");
}

TEST(numbers_may_stand_in_strings_and_members_in_any_order)
{
	sqlite3 *db = import_events(
		"{\"args\": {\"correlation\": \"17\", \"stream\": \"7\", \"device\": \"1\", "
		"\"extra\": "
		"{\"args\": {\"device\": 5}}}, \"dur\": \"68.0\", \"ts\": \"1682725898082228.5\", "
		"\"tid\": \"7\", \"pid\": \"1\", \"name\": \"k\", \"cat\": \"kernel\", \"ph\": "
		"\"X\", "
		"\"unknown\": [{\"ph\": \"i\"}]}");
	CHECK_QUERY(db, KERNELS, "1682725898082228500|68000|1|7|k|17");
}

TEST(the_dialect_of_2021_is_read)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"Operator\", \"name\": \"aten::add\", \"pid\": 100, "
		"\"tid\": \"3239786240\", \"ts\": 1000, \"dur\": 50, \"args\": {}}, "
		"{\"ph\": \"X\", \"cat\": \"Runtime\", \"name\": \"cudaLaunchKernel\", \"pid\": "
		"100, "
		"\"tid\": \"3239786240\", \"ts\": 1010, \"dur\": 5, \"args\": {\"cbid\": 211, "
		"\"correlation\": 9, \"external id\": 1, \"external ts\": 1000}}, "
		"{\"ph\": \"s\", \"cat\": \"async\", \"name\": \"launch\", \"id\": 9, \"pid\": "
		"100, "
		"\"tid\": \"3239786240\", \"ts\": 1010}, "
		"{\"ph\": \"X\", \"cat\": \"Kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": "
		"\"stream 7\", "
		"\"ts\": 1020, \"dur\": 8, \"args\": {\"queued\": 0, \"device\": 0, \"context\": "
		"1, "
		"\"stream\": 7, \"correlation\": 9, \"external id\": 1}}, "
		"{\"ph\": \"X\", \"cat\": \"Memcpy\", \"name\": \"Memcpy DtoH (Device -> "
		"Pageable)\", "
		"\"pid\": 0, \"tid\": \"stream 7\", \"ts\": 1030, \"dur\": 2, \"args\": "
		"{\"device\": 0, "
		"\"context\": 1, \"stream\": 7, \"correlation\": 10, \"external id\": 1, "
		"\"bytes\": 4}}, "
		"{\"ph\": \"X\", \"cat\": \"Memset\", \"name\": \"Memset (Device)\", \"pid\": 0, "
		"\"tid\": \"stream 7\", \"ts\": 1040, \"dur\": 1, \"args\": {\"device\": 0, "
		"\"context\": 1, "
		"\"stream\": 7, \"correlation\": 11, \"bytes\": 8}}");
	CHECK_QUERY(db, KERNELS, "1020000|8000|0|7|k|9");
	CHECK_QUERY(db,
		    "SELECT c.thread_id, c.api, n.value, c.correlation_id FROM api_call c JOIN "
		    "string n "
		    "ON n.string_id = c.name_id",
		    "3239786240|2|cudaLaunchKernel|9");
	CHECK_QUERY(db, "SELECT direction, source_memory, destination_memory, bytes FROM memcpy",
		    "2|3|1|4");
	CHECK_QUERY(db, "SELECT memory, bytes FROM memset", "3|8");
	CHECK_QUERY(db,
		    "SELECT n.value, d.value, r.kind FROM range r JOIN string n ON n.string_id = "
		    "r.name_id JOIN string d ON d.string_id = r.domain_id",
		    "aten::add|Operator|3");
	CHECK_QUERY(db, "SELECT count(*) FROM stream", "1");
	CHECK_QUERY(db, "SELECT pid FROM trace", "100");
	CHECK_QUERY(db, "SELECT count(*) FROM loss", "0");
}

TEST(rocm_traces_have_host_memory_and_no_bytes)
{
	sqlite3 *db = import_text(
		"{\"deviceProperties\": [{\"id\": 0, \"name\": \"AMD Radeon Graphics\", "
		"\"totalGlobalMem\": 68702699520, \"computeMajor\": 9, \"computeMinor\": 0, "
		"\"numSms\": 104}], \"traceEvents\": ["
		"{\"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": \"hipMemcpyWithStream\", "
		"\"pid\": 597913, \"tid\": 597913, \"ts\": 438.301, \"dur\": 60.204, \"args\": "
		"{\"stream\": \"0x0\", \"cid\": 153, \"correlation\": 117, \"src\": "
		"\"0x55674ecd4180\", "
		"\"size\": \"2560\", \"kind\": \"1\"}}, "
		"{\"ph\": \"X\", \"cat\": \"gpu_memcpy\", \"name\": \"Memcpy HtoD (Host -> "
		"Device)\", "
		"\"pid\": 9, \"tid\": 0, \"ts\": 454.206, \"dur\": 22.441, \"args\": {\"device\": "
		"9, "
		"\"stream\": 0, \"correlation\": 117, \"kind\": \"HtoD\"}}, "
		"{\"ph\": \"X\", \"cat\": \"gpu_memcpy\", \"name\": \"CopyDeviceToHost\", "
		"\"pid\": 9, \"tid\": 0, \"ts\": 500, \"dur\": 1, \"args\": {\"device\": 9, "
		"\"stream\": 0, \"correlation\": 118, \"kind\": \"DtoH\"}}]}");
	CHECK_QUERY(
		db,
		"SELECT direction, source_memory, destination_memory, bytes, correlation_id FROM "
		"memcpy ORDER BY rowid",
		"1|8|3|0|117\n2|0|0|0|118");
	CHECK_QUERY(db, "SELECT api, correlation_id FROM api_call", "2|117");
	/* One entry for all GPUs of one model, whatever their numbers. */
	CHECK_QUERY(db, "SELECT device_id, name, sm_count, memory_bytes, pcie_replays FROM device",
		    "9|AMD Radeon Graphics|104|68702699520|-1");
}

TEST(a_peer_copy_has_no_device_but_three_of_them)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"gpu_memcpy\", \"name\": \"Memcpy PtoP (Device -> "
		"Device)\", "
		"\"pid\": 1, \"tid\": 20, \"ts\": 10, \"dur\": 4, \"args\": {\"fromDevice\": 1, "
		"\"inDevice\": 1, \"toDevice\": 2, \"fromContext\": 1, \"inContext\": 1, "
		"\"toContext\": 2, "
		"\"stream\": 20, \"correlation\": 3, \"bytes\": 4096, \"memory bandwidth (GB/s)\": "
		"1.0}}");
	CHECK_QUERY(
		db,
		"SELECT m.direction, m.source_memory, m.destination_memory, m.bytes, "
		"m.source_device_id, m.destination_device_id, s.device_id, s.context_id, s.number "
		"FROM memcpy m JOIN stream s USING (stream_id)",
		"10|3|3|4096|1|2|1|1|20");
	CHECK_QUERY(db, "SELECT device_id FROM device", "1");
}

TEST(rows_without_arguments_take_device_and_stream_from_pid_and_tid)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 2, \"tid\": 7, "
		"\"ts\": 10, "
		"\"dur\": 4}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 2, \"tid\": "
		"\"stream 7 \", "
		"\"ts\": 20, \"dur\": 4, \"args\": {}}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 2, \"tid\": 7, "
		"\"ts\": 30, "
		"\"dur\": 4, \"args\": {\"device\": 2, \"context\": 1, \"stream\": 7}}");
	CHECK_QUERY(db, KERNELS, "10000|4000|2|7|k|0\n20000|4000|2|7|k|0\n30000|4000|2|7|k|0");
	CHECK_QUERY(db, "SELECT count(*) FROM stream", "1");
}

TEST(the_device_is_the_argument_not_the_pid)
{
	sqlite3 *db = import_events("{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", "
				    "\"pid\": 5, \"tid\": 7, \"ts\": 10, "
				    "\"dur\": 4, \"args\": {\"device\": 0, \"stream\": 7}}, "
				    "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", "
				    "\"pid\": 0, \"tid\": 7, \"ts\": 20, "
				    "\"dur\": 4, \"args\": {\"device\": 0, \"stream\": 7}}");
	CHECK_QUERY(db, "SELECT group_concat(device_id) FROM stream", "0");
}

TEST(waits_and_annotations_are_no_gpu_work)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"cuda_sync\", \"name\": \"Stream Wait Event\", \"pid\": "
		"0, "
		"\"tid\": 20, \"ts\": 10, \"dur\": 3, \"args\": {\"cuda_sync_kind\": \"Stream Wait "
		"Event\", "
		"\"wait_on_stream\": 7, \"wait_on_cuda_event_record_corr_id\": 5169, "
		"\"wait_on_cuda_event_id\": 1, \"stream\": 20, \"correlation\": 5170, \"device\": "
		"0, "
		"\"context\": 1}}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_sync\", \"name\": \"Event Sync\", \"pid\": 0, "
		"\"tid\": -1, "
		"\"ts\": 20, \"dur\": 3, \"args\": {\"cuda_sync_kind\": \"Event Sync\", "
		"\"wait_on_stream\": -1, \"wait_on_cuda_event_record_corr_id\": -1, "
		"\"wait_on_cuda_event_id\": 7777, \"stream\": -1, \"correlation\": 300, "
		"\"device\": 0, "
		"\"context\": 1}}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_sync\", \"name\": \"Context Sync\", \"pid\": 0, "
		"\"tid\": -1, "
		"\"ts\": 30, \"dur\": 9, \"args\": {\"stream\": 4294967295, \"correlation\": 225, "
		"\"device\": 0, \"context\": 1}}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_sync\", \"name\": \"Stream Sync\", \"pid\": 0, "
		"\"tid\": 1000007, \"ts\": 40, \"dur\": 9, \"args\": {\"cuda_sync_kind\": \"Stream "
		"Sync\", "
		"\"stream\": 7, \"correlation\": 226, \"device\": 0, \"context\": 1}}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_event\", \"name\": \"cudaEventRecord\", \"pid\": "
		"0, "
		"\"tid\": 7, \"ts\": 45, \"dur\": 0.001, \"args\": {\"event_id\": 3, \"stream\": "
		"7, "
		"\"device\": 0, \"context\": 1, \"correlation\": 6000}}, "
		"{\"ph\": \"X\", \"cat\": \"gpu_user_annotation\", \"name\": \"ProfilerStep#3\", "
		"\"pid\": 0, "
		"\"tid\": 7, \"ts\": 50, \"dur\": 9, \"args\": {\"External id\": 4}}, "
		"{\"ph\": \"X\", \"cat\": \"overhead\", \"name\": \"Buffer Flush\", \"pid\": -1, "
		"\"tid\": 0, "
		"\"ts\": 60, \"dur\": 9, \"args\": {}}");
	CHECK_QUERY(db, "SELECT (SELECT count(*) FROM kernel) + (SELECT count(*) FROM memcpy) + "
		    "(SELECT count(*) FROM memset)", "0");
	CHECK_QUERY(db,
		    "SELECT y.kind, ifnull(s.number, 'none'), y.event_id, y.event_sync_id, "
		    "y.correlation_id, y.device_id, y.context_id FROM synchronization y LEFT JOIN "
		    "stream s "
		    "USING (stream_id) ORDER BY y.rowid",
		    "2|20|1|5169|5170|0|1\n1|none|7777|0|300|0|1\n4|none|-1|0|225|0|1\n3|7|-1|0|"
		    "226|0|1");
	/* A row of its own, and one that only a wait tells of. */
	CHECK_QUERY(
		db,
		"SELECT e.event_id, e.event_sync_id, s.number, e.time_ns FROM cuda_event e JOIN "
		"stream s USING (stream_id) ORDER BY e.rowid",
		"3|6000|7|35000\n1|5169|7|-1");
	CHECK_QUERY(db,
		    "SELECT n.value, s.number, g.duration_ns FROM gpu_range g JOIN string n ON "
		    "n.string_id = g.name_id JOIN stream s USING (stream_id)",
		    "ProfilerStep#3|7|9000");
	CHECK_QUERY(db,
		    "SELECT n.value, o.duration_ns FROM overhead o JOIN string n ON n.string_id = "
		    "o.name_id",
		    "Buffer Flush|9000");
	CHECK_QUERY(db, "SELECT count(*) FROM device", "1");
	CHECK_QUERY(db, "SELECT count(*) FROM loss", "0");
}

#define COMMS_ARGS \
	"\"Collective name\": \"allreduce\", \"In msg nelems\": 1000, \"Out msg nelems\": 1000, " \
	"\"Group size\": 2, \"dtype\": \"BFloat16\", \"In split size\": \"[]\", " \
	"\"Process Group Name\": \"0\", \"Process Group Description\": \"default_pg\", " \
	"\"Process Group Ranks\": \"[1, 5]\", \"Seq\": 12"
#define COMMS_OPERATOR \
	"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"record_param_comms\", " \
	"\"pid\": 100, \"tid\": 101, \"ts\": 10, \"dur\": 3, \"args\": {\"External id\": " \
	"44, " COMMS_ARGS "}}"
#define COMMS_KERNEL \
	"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": " \
	"\"ncclDevKernel_AllReduce_Sum_bf16_RING_LL\", " \
	"\"pid\": 0, \"tid\": 40, \"ts\": 20, \"dur\": 30, \"args\": {\"External id\": 44, " \
	"\"device\": 0, " \
	"\"context\": 1, \"stream\": 40, \"correlation\": 60047, \"grid\": [8, 1, 1], " \
	"\"block\": [544, 1, 1], " COMMS_ARGS "}}"
#define COLLECTIVES \
	"SELECT c.start_ns, c.duration_ns, c.thread_id, c.witness, o.value, c.bytes, c.count, " \
	"d.value, c.sequence, c.channels, c.warps, c.correlation_id, m.rank, m.rank_count, " \
	"m.name " \
	"FROM collective c JOIN string o ON o.string_id = c.operation_id JOIN string d ON " \
	"d.string_id = c.datatype_id JOIN communicator m USING (communicator_id) ORDER BY c.rowid"

TEST(a_collective_told_by_operator_and_kernel_is_one_row_in_either_order)
{
	static const char want[] =
		"0|3000|101|3|AllReduce|2000|1000|ncclBfloat16|12|8|17|60047|1|2|0";
	sqlite3 *db = import_text("{\"traceEvents\": [" COMMS_OPERATOR ", " COMMS_KERNEL "], "
				  "\"distributedInfo\": {\"world_size\": 8, \"rank\": 5}}");
	CHECK_QUERY(db, COLLECTIVES, want);
	CHECK_QUERY(db, "SELECT rank, world_size FROM trace", "5|8");
	CHECK_QUERY(db, "SELECT count(*), hash <> 0, device_id FROM communicator", "1|1|0");
	db = import_text("{\"distributedInfo\": {\"rank\": 5}, \"traceEvents\": [" COMMS_KERNEL ", "
			 COMMS_OPERATOR "]}");
	CHECK_QUERY(db, COLLECTIVES,
		    "-10000|3000|101|3|AllReduce|2000|1000|ncclBfloat16|12|8|17|60047|1|2|0");
}

TEST(a_collective_with_one_witness_keeps_what_that_one_knows)
{
	sqlite3 *db = import_events(COMMS_KERNEL);
	CHECK_QUERY(db, COLLECTIVES,
		    "0|30000|0|3|AllReduce|2000|1000|ncclBfloat16|12|8|17|60047|-1|2|0");
	db = import_events(COMMS_OPERATOR);
	CHECK_QUERY(db, COLLECTIVES,
		    "0|3000|101|3|AllReduce|2000|1000|ncclBfloat16|12|0|0|0|-1|2|0");
}

TEST(counts_of_collectives_are_those_of_nccl_and_waits_are_none)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"record_param_comms\", \"pid\": "
		"1, \"tid\": 1, "
		"\"ts\": 10, \"dur\": 3, \"args\": {\"External id\": 1, \"Collective name\": "
		"\"_reduce_scatter_base\", \"In msg nelems\": 80, \"Out msg nelems\": 10, "
		"\"dtype\": \"Float\", "
		"\"Process Group Name\": \"g\", \"Process Group Ranks\": [0, 1, 2]}}, "
		"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"record_param_comms\", \"pid\": "
		"1, \"tid\": 1, "
		"\"ts\": 20, \"dur\": 3, \"args\": {\"External id\": 2, \"Collective name\": "
		"\"wait\", "
		"\"In msg nelems\": 0}}, "
		"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"record_param_comms\", \"pid\": "
		"1, \"tid\": 1, "
		"\"ts\": 30, \"dur\": 3, \"args\": {\"External id\": 3, \"Collective name\": "
		"\"send\", "
		"\"In msg nelems\": 7, \"dtype\": \"Weird\", \"Dst Rank\": 1, \"Src Rank\": 0, "
		"\"Process Group Name\": \"g\", \"Process Group Ranks\": \"[0, 1, 2]\"}}");
	CHECK_QUERY(db,
		    "SELECT o.value, c.count, c.bytes, c.peer, c.communicator_id FROM collective c "
		    "JOIN string o ON o.string_id = c.operation_id ORDER BY c.rowid",
		    "ReduceScatter|10|40|-1|1\nSend|7|-1|1|1");
	CHECK_QUERY(db, "SELECT count(*) FROM range", "3");
}

TEST(memory_instants_are_allocations_and_other_instants_marks)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"i\", \"cat\": \"cpu_instant_event\", \"name\": \"[memory]\", \"pid\": "
		"100, "
		"\"tid\": 101, \"ts\": 10, \"s\": \"t\", \"args\": {\"Profiler Event Index\": 4, "
		"\"Total Allocated\": 2048, \"Total Reserved\": 4096, \"Bytes\": 512, "
		"\"Addr\": 140574522933760, \"Device Type\": 1, \"Device Id\": 2}}, "
		"{\"ph\": \"i\", \"cat\": \"cpu_instant_event\", \"name\": \"[memory]\", \"pid\": "
		"100, "
		"\"tid\": 101, \"ts\": 11, \"s\": \"t\", \"args\": {\"Total Allocated\": 0, "
		"\"Bytes\": -64, \"Addr\": 94000, \"Device Type\": 0, \"Device Id\": -1}}, "
		"{\"name\": \"Record Window End\", \"ph\": \"i\", \"s\": \"g\", \"pid\": \"\", "
		"\"tid\": \"\", "
		"\"ts\": 99}");
	CHECK_QUERY(db,
		    "SELECT time_ns, operation, device_id, memory, address, bytes, thread_id, "
		    "is_framework, "
		    "total_bytes, reserved_bytes FROM allocation ORDER BY rowid",
		    "0|1|2|3|140574522933760|512|101|1|2048|4096\n1000|2|-1|8|94000|64|101|1|0|-1");
	CHECK_QUERY(
		db,
		"SELECT m.time_ns, m.thread_id, n.value FROM mark m JOIN string n ON n.string_id = "
		"m.name_id",
		"89000|0|Record Window End");
	CHECK_QUERY(db, "SELECT stop_ns FROM trace", "89000");
}

TEST(counters_are_samples)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"C\", \"cat\": \"hardware_counters\", \"name\": \"sm_cycles\", "
		"\"pid\": \"GPU 3 Counters\", \"tid\": 0, \"ts\": 10, \"args\": {\"\": 12}}, "
		"{\"ph\": \"C\", \"cat\": \"hardware_counters\", \"name\": \"nothing\", "
		"\"pid\": \"GPU 3 Counters\", \"ts\": 11, \"args\": {}}");
	CHECK_QUERY(
		db,
		"SELECT s.device_id, n.value, s.value FROM sample s JOIN string n ON n.string_id = "
		"s.counter_id",
		"3|sm_cycles|12");
	CHECK_QUERY(db, "SELECT reason, count FROM loss", "counter without a value|1");
}

TEST(threads_have_names_and_processes_commands_but_gpus_are_neither)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"op\", \"pid\": 1, \"tid\": 7, "
		"\"ts\": 10, "
		"\"dur\": 3}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": \"cudaMalloc\", \"pid\": 1, "
		"\"tid\": 8, "
		"\"ts\": 10, \"dur\": 3}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_driver\", \"name\": \"cuLaunchKernelEx\", "
		"\"pid\": 1, "
		"\"tid\": 8, \"ts\": 10, \"dur\": 3}, "
		"{\"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"op\", \"pid\": 2, \"tid\": 7, "
		"\"ts\": 10, "
		"\"dur\": 3}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 1, \"tid\": 7, "
		"\"ts\": 10, "
		"\"dur\": 3, \"args\": {\"device\": 1, \"stream\": 7}}, "
		"{\"name\": \"process_name\", \"ph\": \"M\", \"ts\": 0, \"pid\": 1, \"tid\": 0, "
		"\"args\": "
		"{\"name\": \"python3\"}}, "
		"{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 7, \"args\": "
		"{\"name\": \"thread 7 (pt_main_thread)\"}}, "
		"{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 7, \"args\": "
		"{\"name\": \"stream 7 \"}}, "
		"{\"name\": \"thread_name\", \"ph\": \"M\", \"pid\": 5, \"tid\": 55, \"args\": "
		"{\"name\": \"never seen\"}}");
	CHECK_QUERY(db,
		    "SELECT t.thread_id, t.pid, ifnull(n.value, '') FROM thread t LEFT JOIN string "
		    "n ON "
		    "n.string_id = t.name_id ORDER BY t.pid, t.thread_id",
		    "7|1|pt_main_thread\n8|1|\n8589934599|2|");
	CHECK_QUERY(db, "SELECT pid, command FROM trace", "1|python3");
	CHECK_QUERY(db, "SELECT group_concat(api) FROM api_call", "2,1");
}

TEST(metadata_is_taken_from_either_side_of_the_events)
{
	sqlite3 *db = import_text(
		"{\"huge\": {\"foreign\": [[[{\"rank\": 9}]], {\"traceEvents\": [1, 2]}], \"x\": "
		"null}, "
		"\"cuda_runtime_version\": 12090, \"cuda_driver_version\": 13000, "
		"\"record_shapes\": 1, "
		"\"traceEvents\": [], \"cupti_version\": 28, \"host_name\": \"node7\", "
		"\"trace_id\": \"AB\\nCD\", \"distributedInfo\": {\"nccl_version\": \"2.21.5\", "
		"\"pg_config\": [{\"pg_name\": \"0\", \"rank\": 77, \"ranks\": \"[0, 1]\"}, "
		"{\"ranks\": [0, 1]}], \"world_size\": \"16\", \"rank\": \"3\", \"backend\": "
		"\"nccl\"}}");
	CHECK_QUERY(db,
		    "SELECT rank, world_size, host, nccl_version, cuda_runtime_version, "
		    "cuda_driver_version, cupti_version, settings, source_version, framework FROM "
		    "trace",
		    "3|16|node7|2.21.5|12.9|13.0|28|record_shapes=1\ntrace_id=AB CD\n||PyTorch");
}

TEST(only_the_gpus_in_use_become_devices)
{
	sqlite3 *db = import_text(
		"{\"deviceProperties\": [{\"id\": 0, \"name\": \"A\", \"numSms\": 1}, {\"id\": 1, "
		"\"name\": \"B\", \"totalGlobalMem\": 24000, \"computeMajor\": 8, "
		"\"computeMinor\": 9, "
		"\"numSms\": 128}], \"traceEvents\": [{\"ph\": \"X\", \"cat\": \"kernel\", "
		"\"name\": \"k\", "
		"\"pid\": 1, \"tid\": 7, \"ts\": 5, \"dur\": 1}, {\"ph\": \"X\", \"cat\": "
		"\"kernel\", "
		"\"name\": \"k\", \"pid\": 2, \"tid\": 7, \"ts\": 5, \"dur\": 1}]}");
	CHECK_QUERY(
		db,
		"SELECT device_id, name, memory_bytes, compute_major, compute_minor, sm_count FROM "
		"device ORDER BY device_id",
		"1|B|24000|8|9|128\n2||0|0|0|0");
}

TEST(a_bare_list_of_events_is_a_trace)
{
	sqlite3 *db =
		import_text("[{\"ph\": \"X\", \"cat\": \"KERNEL\", \"name\": \"k\", \"pid\": 0, "
			    "\"tid\": 7, \"ts\": 5, \"dur\": 0, \"args\": {\"device\": 0}}]");
	CHECK_QUERY(db, KERNELS, "5000|0|0|7|k|0");
}

TEST(rows_that_cannot_be_true_are_counted_and_the_rest_is_kept)
{
	sqlite3 *db = import_events(
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 1661203463029566, \"dur\": 7}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 0, "
		"\"dur\": 0}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 0, "
		"\"dur\": 5}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 1661203463029567, \"dur\": -7}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 1661203463029567, \"dur\": 604800000001}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"dur\": 7}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": \"soon\", \"dur\": 7}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 1661203463029567}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"tid\": 7, "
		"\"ts\": 1661203463029567, \"dur\": 7}, "
		"{\"ph\": \"B\", \"cat\": \"cpu_op\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": 5}, "
		"{\"name\": \"k\"}, 17, null, [{\"ph\": \"X\"}], "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, \"tid\": 7, "
		"\"ts\": -7000000000000000, \"dur\": 1}");
	CHECK_QUERY(db, "SELECT count(*) FROM kernel", "1");
	CHECK_QUERY(db, "SELECT reason, count FROM loss ORDER BY reason",
		    "GPU work without a device|1\nevent without a known phase|2\nimplausible "
		    "duration|2\n"
		    "list element that is no event|3\nno duration|1\nno time stamp|2\n"
		    "time stamp out of range|1\nzero time stamp|2");
}

TEST(labelled_ranks_merged_into_one_file_become_a_database_each)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	static const char text[] =
		"{\"distributedInfo\": {\"rank\": 0, \"world_size\": 2}, \"traceEvents\": ["
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": \"[TP00] 0\", "
		"\"tid\": 7, "
		"\"ts\": 5, \"dur\": 1, \"args\": {\"device\": 0, \"stream\": 7, \"correlation\": "
		"4}}, "
		"{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": \"[TP01] 0\", "
		"\"tid\": 7, "
		"\"ts\": 5, \"dur\": 2, \"args\": {\"device\": 0, \"stream\": 7, \"correlation\": "
		"4}}, "
		"{\"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": \"cudaLaunchKernel\", "
		"\"pid\": \"[TP01] 4123\", \"tid\": 4123, \"ts\": 4, \"dur\": 1, \"args\": "
		"{\"correlation\": 4}}]}";
	CHECK_OK(import_kineto(write_text("m.json", text), test_folder(), NULL, &result, &error),
		 error);
	CHECK_INT(result.count, 2);
	CHECK_CONTAINS(result.paths[0], "/m-TP00.trace.db");
	CHECK_CONTAINS(result.paths[1], "/m-TP01.trace.db");
	sqlite3 *db = open_database(result.paths[1]);
	CHECK_QUERY(db, KERNELS, "5000|2000|0|7|k|4");
	CHECK_QUERY(db, "SELECT rank, world_size, pid FROM trace", "1|2|4123");
	struct stat status;
	CHECK(stat(test_path("m.trace.db"), &status) != 0);
	import_result_end(&result);
}

TEST(renumbered_pids_of_a_merged_file_keep_the_gpus_apart)
{
	sqlite3 *db =
		import_events("{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": 0, "
			      "\"tid\": 7, \"ts\": 5, "
			      "\"dur\": 1, \"args\": {\"device\": 0, \"stream\": 7}}, "
			      "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": "
			      "1000000, \"tid\": 7, "
			      "\"ts\": 5, \"dur\": 1, \"args\": {\"device\": 0, \"stream\": 7}}, "
			      "{\"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"k\", \"pid\": "
			      "3000003, \"tid\": 7, "
			      "\"ts\": 5, \"dur\": 1, \"args\": {\"device\": 3, \"stream\": 7}}");
	CHECK_QUERY(db,
		    "SELECT s.device_id FROM kernel JOIN stream s USING (stream_id) ORDER BY "
		    "kernel.rowid",
		    "0\n1000\n3");
	CHECK_QUERY(db, "SELECT count(*) FROM loss WHERE reason LIKE 'merged file%'", "1");
}

struct bad_trace { const char *text, *reason; };

TEST(a_bad_file_gives_one_error_and_leaves_nothing_behind)
{
	static const struct bad_trace bad[] = {
		{ "", "is empty" },
		{ "not JSON at all", "byte" },
		{ "{\"traceEvents\": [{\"ph\": \"X\", \"dur\": NaN}]}", "byte" },
		{ "{\"traceEvents\": [{\"ph\": \"X\", \"name\": \"a \"b\" c\"}]}", "line 1" },
		{ "{\"traceEvents\": [{\"ph\": \"X\", \"name\": \"\xff\xfe\"}]}", "UTF8" },
		{ "{\"traceEvents\": [{\"ph\": \"M\"}, {\"ph\": \"X\", ", "cut off" },
		{ "{\"traceEvents\": [{\"ph\": \"M\"}]", "cut off" },
		{ "{\"traceEvents\": []} {}", "trailing garbage" },
		{ "{\"traceEvents\": [{\"ph\": \"M\"} {\"ph\": \"M\"}]}", "line 1" },
		{ "{\"name\": \"package\", \"version\": 1}", "no trace" },
		{ "{\"traceEvents\": {\"a\": 1}}", "no trace" },
		{ "{\"a\": {\"traceEvents\": []}}", "no trace" },
		{ "[1, 2, 3]", "no trace" },
		{ "[{\"a\": 1}]", "no trace" },
		{ "\"traceEvents\"", "no trace" },
		{ "17", "no trace" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct import_result result = { 0 };
		struct error error = { 0 };
		struct stat status;
		if (import_kineto(write_text("x.json", bad[i].text), test_folder(), NULL, &result,
				  &error))
			test_fail(__FILE__, __LINE__, "accepted: %s", bad[i].text);
		CHECK_INT(error.kind, ERROR_INPUT);
		CHECK_CONTAINS(error.message, "x.json'");
		CHECK_CONTAINS(error.message, bad[i].reason);
		CHECK_INT(result.count, 0);
		CHECK(stat(test_path("x.trace.db"), &status) != 0);
		import_result_end(&result);
	}
}

TEST(an_existing_database_is_never_overwritten)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	struct stat status;
	(void)write_text("x.trace.db", "precious");
	CHECK(!import_kineto(write_text("x.json", "[]"), test_folder(), NULL, &result, &error));
	CHECK_CONTAINS(error.message, "x.trace.db");
	CHECK(stat(test_path("x.trace.db"), &status) == 0 && status.st_size == 8);
}

TEST(import_tells_files_apart_by_content)
{
	struct import_result result = { 0 };
	struct error error = { 0 };
	CHECK_OK(import_file(write_text("strange.name", " {\"traceEvents\": []}"), test_folder(),
			     NULL, &result, &error),
		 error);
	CHECK_CONTAINS(result.paths[0], "/strange.name.trace.db");
	CHECK(!import_file(write_text("y.json", "PK\003\004"), test_folder(), NULL, &result,
			   &error));
	CHECK_INT(error.kind, ERROR_INPUT);
	CHECK_CONTAINS(error.message, "y.json' is neither");
	CHECK(!import_file(result.paths[0], test_folder(), NULL, &result, &error));
	CHECK_CONTAINS(error.message, "already");
	import_result_end(&result);
}

TEST(the_name_of_the_database_comes_from_the_name_of_the_file)
{
	char out[64];
	struct error error = { 0 };
	CHECK_OK(import_output_path(out, sizeof out, "d", "/a/b/c.pt.trace.json.gz", "", &error),
		 error);
	CHECK_TEXT(out, "d/c.pt.trace.trace.db");
	CHECK_OK(import_output_path(out, sizeof out, "d", "r.sqlite", "-pid7", &error), error);
	CHECK_TEXT(out, "d/r-pid7.trace.db");
	CHECK(!import_output_path(out, sizeof out, "d", "a/", "", &error));
	CHECK(!import_output_path(out, 12, "d", "long name.json", "", &error));
	CHECK_INT(error.kind, ERROR_INPUT);
}
