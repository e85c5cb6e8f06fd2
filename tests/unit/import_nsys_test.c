/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tracedb/import_nsys_communicator.h"
#include "tracedb/import_nsys_rows.h"

#include <sqlite3.h>
#include <string.h>

static struct nsys_nccl_payload nccl_payload(int64_t hash, int64_t ranks, int64_t rank)
{
	struct nsys_nccl_payload nccl = { .reduction = "" };
	nccl.value[NSYS_NCCL_COMMUNICATOR] = hash;
	nccl.value[NSYS_NCCL_RANKS] = ranks;
	nccl.value[NSYS_NCCL_RANK] = rank;
	nccl.has[NSYS_NCCL_COMMUNICATOR] = nccl.has[NSYS_NCCL_RANKS] = nccl.has[NSYS_NCCL_RANK] =
		true;
	return nccl;
}

static int64_t communicator_id(struct nsys_process *process, int64_t hash)
{
	int64_t id = -1;
	CHECK(nsys_communicator_of(process, hash, &id));
	return id;
}

static void nccl_add(struct nsys_process *process, int64_t hash, int64_t ranks, int64_t rank)
{
	const struct nsys_nccl_payload nccl = nccl_payload(hash, ranks, rank);
	CHECK(nsys_communicator_add(process, &nccl));
}

TEST(nsys_a_collective_finds_the_only_rank_of_its_communicator)
{
	struct nsys_process process = { 0 };
	nccl_add(&process, 77, 4, 2);
	nccl_add(&process, 77, 4, 2);
	CHECK_INT(communicator_id(&process, 77), 1);
	CHECK_INT(process.communicator_count, 1);
	CHECK_INT(communicator_id(&process, 0), 0);
	CHECK_INT(communicator_id(&process, 78), 2);
	CHECK_INT(process.communicators[1].rank, -1);
	nsys_process_end(&process);
}

TEST(nsys_several_ranks_in_one_process_leave_a_collective_without_rank)
{
	struct nsys_process process = { 0 };
	int64_t rank, world_size;
	nccl_add(&process, 77, 2, 0);
	nccl_add(&process, 77, 2, 1);
	int64_t id = communicator_id(&process, 77);
	CHECK_INT(id, 3);
	CHECK_INT(process.communicators[id - 1].rank, -1);
	CHECK_INT(communicator_id(&process, 77), 3);
	nsys_communicator_world(&process, &rank, &world_size);
	CHECK_INT(rank, -1);
	CHECK_INT(world_size, -1);
	nsys_process_end(&process);
}

TEST(nsys_a_split_tells_the_rank_of_its_parent)
{
	struct nsys_process process = { 0 };
	int64_t rank, world_size;
	struct nsys_nccl_payload split = nccl_payload(5, 8, 3);
	split.value[NSYS_NCCL_PARENT] = 4;
	split.has[NSYS_NCCL_PARENT] = true;
	CHECK(nsys_communicator_add(&process, &split));
	CHECK_INT(process.communicator_count, 2);
	CHECK_INT(process.communicators[0].hash, 5);
	CHECK_INT(process.communicators[0].parent_hash, 4);
	CHECK_INT(process.communicators[0].rank, -1);
	CHECK_INT(process.communicators[1].hash, 4);
	CHECK_INT(process.communicators[1].rank, 3);
	/* What the child is by itself may be told later. */
	nccl_add(&process, 5, 2, 1);
	CHECK_INT(process.communicator_count, 2);
	CHECK_INT(process.communicators[0].rank, 1);
	nsys_communicator_world(&process, &rank, &world_size);
	CHECK_INT(rank, 3);
	CHECK_INT(world_size, 8);
	nsys_process_end(&process);
}

TEST(nsys_a_rank_beyond_its_world_is_not_believed)
{
	struct nsys_process process = { 0 };
	int64_t rank, world_size;
	nccl_add(&process, 7, 2, 5);
	nccl_add(&process, 8, -3, INT64_MIN);
	nsys_communicator_world(&process, &rank, &world_size);
	CHECK_INT(rank, -1);
	CHECK_INT(world_size, -1);
	nsys_process_end(&process);
}

TEST(nsys_memory_kinds_are_shifted_by_one)
{
	CHECK_INT(nsys_memory_kind(0), 1);
	CHECK_INT(nsys_memory_kind(2), 3);
	CHECK_INT(nsys_memory_kind(6), 7);
	CHECK_INT(nsys_memory_kind(7), 0);
	CHECK_INT(nsys_memory_kind(-1), 0);
	CHECK_INT(nsys_memory_kind(INT64_MAX), 0);
}

static const char *const layout_sql =
	"CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
	"CREATE TABLE NVTX_PAYLOAD_SCHEMA_ENTRIES (domainId, schemaId, idx, flags, type, name, "
	"offset);"
	"INSERT INTO NVTX_PAYLOAD_SCHEMA_ENTRIES VALUES "
	"(1, 9, 0, NULL, 17, 'signed', NULL), (1, 9, 1, NULL, 18, 'big', 8), (1, 9, 2, 0, 20, "
	"'real', 16),"
	"(1, 9, 3, 0, 12, 'byte', 24), (1, 9, 4, 2, 18, 'pointer', 0), (1, 9, 5, 0, 18, 'outside', "
	"25),"
	"(1, 9, 6, 0, 5, 'far', 9223372036854775807), (1, 9, 7, 0, -1, 'odd', 0),"
	"(1, 9, 8, 0, 16777299, 'nested', 0)";

static struct nsys_payloads *payloads_make(struct nsys_file **file)
{
	struct nsys_payloads *payloads = NULL;
	struct error error = { 0 };
	const char *path = test_path("layouts.sqlite");
	sqlite3 *db = NULL;
	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	CHECK_INT(sqlite3_exec(db, layout_sql, NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_close(db), SQLITE_OK);
	CHECK_OK(nsys_file_open(file, path, &error), error);
	CHECK_OK(nsys_payloads_load(&payloads, *file, &error), error);
	return payloads;
}

TEST(nsys_payload_fields_are_read_in_bounds_only)
{
	unsigned char bytes[64] = { 1 };
	const int64_t negative = -5;
	const double real = 0.25;
	struct nsys_nccl_payload nccl;
	struct nsys_file *file = NULL;
	struct text json;
	struct nsys_payloads *payloads = payloads_make(&file);
	bytes[8] = 9;
	bytes[16] = 32;		/* size of the payload, and with its header */
	bytes[24] = 64;
	memcpy(bytes + 32, &negative, sizeof negative);
	memset(bytes + 40, 0xff, 8);
	memcpy(bytes + 48, &real, sizeof real);
	bytes[56] = 200;
	text_begin(&json, 4096);
	CHECK(nsys_payload_decode(payloads, bytes, sizeof bytes, false, &json, &nccl));
	CHECK_TEXT(text_string(&json),
		   "{\"signed\":-5,\"big\":\"18446744073709551615\",\"real\":0.25,"
		   "\"byte\":200,\"pointer\":null,\"outside\":null,\"far\":null,\"odd\":null,"
		   "\"nested\":null}");
	for (size_t size = 0; size < sizeof bytes; size++)
		CHECK(!nsys_payload_decode(payloads, bytes, size, false, &json, &nccl));
	text_end(&json);
	nsys_payloads_close(payloads);
	nsys_file_close(file);
}
