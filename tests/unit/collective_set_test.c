/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"
#include "tests/unit/trace_fixture.h"
#include "tracedb/collective_set.h"

static struct error error;

static void put(struct trace_fixture *fixture, struct collective_row row)
{
	CHECK_OK(trace_put_collective(fixture->writer, &row, &error), error);
}

TEST(an_operation_is_found_by_its_kernel)
{
	struct trace_fixture fixture;
	struct trace_reader *reader;
	struct collective_set set;
	int64_t operations = 0;
	fixture_begin(&fixture, "a.db", 0, 1);
	put(&fixture, (struct collective_row){ .start_ns = 100, .duration_ns = 50, .thread_id = 8,
		.witness = WITNESS_FRAMEWORK, .bytes = 4, .correlation_id = 44 });
	put(&fixture, (struct collective_row){ .start_ns = 0, .duration_ns = 9, .thread_id = 6,
		.witness = WITNESS_NVTX, .bytes = 5 });
	fixture_end(&fixture);
	CHECK_OK(trace_reader_open(&reader, fixture.path, &error), error);
	CHECK_OK(collective_set_read(&set, reader, &error), error);
	CHECK_INT(collective_set_find(&set, 44, &operations)->bytes, 4);
	CHECK_INT(operations, 1);
	CHECK(collective_set_find(&set, 45, &operations) == NULL);
	collective_set_end(&set);
	trace_reader_close(reader);
}
