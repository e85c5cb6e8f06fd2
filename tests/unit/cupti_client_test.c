/* SPDX-License-Identifier: MIT */
/* Another CUPTI client gets its records: which ones, in which buffers, in its own clock. */
#include "libtrace/cupti_client.h"
#include "libtrace/host_facts.h"
#include "tests/unit/harness.h"

#include <string.h>

enum { BUFFERS_MAX = 3, BUFFER_BYTES = 100 };

/* The client's side: three buffers of 100 bytes, room for two API records each. */
static _Alignas(8) uint8_t buffers[BUFFERS_MAX][BUFFER_BYTES];
static int requested_count, completed_count;
static size_t completed_bytes[BUFFERS_MAX];
static uint16_t strides[CUPTI_KIND_LIMIT];

static void requested(uint8_t **buffer, size_t *size, size_t *max_records)
{
	*buffer = requested_count < BUFFERS_MAX ? buffers[requested_count] : NULL;
	*size = *buffer == NULL ? 0 : BUFFER_BYTES;
	*max_records = 0;
	requested_count += *buffer != NULL;
}

static void completed(void *context, uint32_t stream, uint8_t *buffer, size_t size,
		      size_t valid_bytes)
{
	(void)context;
	(void)stream;
	(void)size;
	completed_count++;
	completed_bytes[(size_t)(buffer - buffers[0]) / BUFFER_BYTES] = valid_bytes;
}

/* Half as fast as ours, and begun elsewhere. */
static uint64_t clock_slow(void)
{
	return 5000 + (uint64_t)realtime_ns() / 2;
}

static struct cupti_api api_at(uint32_t kind, int64_t start_ns)
{
	return (struct cupti_api){
		.kind = kind, .cbid = 1, .start = (uint64_t)start_ns,
		.end = (uint64_t)start_ns + 1000,
	};
}

static void client_begin(void)
{
	requested_count = completed_count = 0;
	memset(completed_bytes, 0, sizeof completed_bytes);
	strides[CUPTI_KIND_RUNTIME] = strides[CUPTI_KIND_DRIVER] = sizeof(struct cupti_api);
	strides[CUPTI_KIND_EXTERNAL_CORRELATION] = sizeof(struct cupti_external_correlation);
}

static struct cupti_api api_of(int buffer, size_t index)
{
	struct cupti_api api;
	memcpy(&api, buffers[buffer] + index * sizeof api, sizeof api);
	return api;
}

TEST(a_client_gets_copies_of_what_it_ordered)
{
	client_begin();
	struct cupti_api records[6];
	CHECK(!cupti_client_is_here());
	CHECK(cupti_client_register(requested, completed));
	int64_t before_ns = realtime_ns() - 1000;
	cupti_client_want(CUPTI_KIND_RUNTIME, true);
	cupti_client_request();
	CHECK_INT(requested_count, 1);	/* at once: a client may look */
	int64_t after_ns = realtime_ns() + 1000;
	for (int i = 0; i < 6; i++)
		records[i] = api_at(i == 2 ? CUPTI_KIND_DRIVER : CUPTI_KIND_RUNTIME,
				    i == 0 ? before_ns : after_ns + i);
	cupti_client_copy(strides, (const uint8_t *)records, sizeof records);
	/* Records 1, 3, 4, 5: two full buffers, of which the client has one. */
	CHECK_INT(requested_count, 2);
	CHECK_INT(completed_count, 1);
	cupti_client_flush();
	CHECK_INT(completed_count, 2);
	CHECK_INT(completed_bytes[0], 2 * sizeof records[0]);
	CHECK_INT(completed_bytes[1], 2 * sizeof records[0]);
	CHECK_INT(api_of(0, 0).start, (uint64_t)after_ns + 1);
	CHECK_INT(api_of(0, 1).start, (uint64_t)after_ns + 3);
	CHECK_INT(api_of(1, 1).start, (uint64_t)after_ns + 5);
	cupti_client_want(CUPTI_KIND_RUNTIME, false);
	cupti_client_copy(strides, (const uint8_t *)records, sizeof records);
	cupti_client_flush();
	CHECK_INT(completed_count, 2);
}

TEST(a_client_without_room_loses_and_nobody_else)
{
	client_begin();
	struct cupti_api records[9];
	CHECK(cupti_client_register(requested, completed));
	cupti_client_want(CUPTI_KIND_DRIVER, true);
	for (int i = 0; i < 9; i++)
		records[i] = api_at(CUPTI_KIND_DRIVER, realtime_ns() + 1000 + i);
	cupti_client_copy(strides, (const uint8_t *)records, sizeof records);
	cupti_client_flush();
	CHECK_INT(requested_count, 3);
	CHECK_INT(completed_count, 3);	/* six of nine */
	cupti_client_want(CUPTI_KIND_DRIVER, false);
}

TEST(a_client_gets_stamps_of_its_own_clock)
{
	client_begin();
	CHECK(cupti_client_register(requested, completed));
	cupti_client_want(CUPTI_KIND_RUNTIME, true);
	cupti_client_set_clock(clock_slow);
	int64_t begin_ns = realtime_ns();
	while (realtime_ns() < begin_ns + 20000000)
		;	/* 20 ms: a base for the line through both clocks */
	struct cupti_api record = api_at(CUPTI_KIND_RUNTIME, begin_ns + 7000000);
	cupti_client_copy(strides, (const uint8_t *)&record, sizeof record);
	cupti_client_flush();
	CHECK_INT(completed_count, 1);
	int64_t wanted = 5000 + (begin_ns + 7000000) / 2;
	int64_t found = (int64_t)api_of(0, 0).start;
	/*
	 * A preempted thread reads a clock late: generous, but a hundredth of what it would be
	 * wrong.
	 */
	CHECK(found > wanted - 5000000 && found < wanted + 5000000);
	int64_t length = (int64_t)(api_of(0, 0).end - api_of(0, 0).start);
	CHECK(length > 250 && length < 750);
	cupti_client_set_clock(NULL);
	cupti_client_want(CUPTI_KIND_RUNTIME, false);
}

TEST(our_own_brackets_are_not_for_a_client)
{
	client_begin();
	const struct cupti_external_correlation records[2] = {
		{ .kind = CUPTI_KIND_EXTERNAL_CORRELATION, .external_kind = CUPTI_EXTERNAL_OURS },
		{ .kind = CUPTI_KIND_EXTERNAL_CORRELATION, .external_kind = 3, .external = 77 },
	};
	CHECK(cupti_client_register(requested, completed));
	cupti_client_want(CUPTI_KIND_EXTERNAL_CORRELATION, true);
	cupti_client_copy(strides, (const uint8_t *)records, sizeof records);
	cupti_client_flush();
	CHECK_INT(completed_bytes[0], sizeof records[0]);
	struct cupti_external_correlation found;
	memcpy(&found, buffers[0], sizeof found);
	CHECK_INT(found.external, 77);
	cupti_client_want(CUPTI_KIND_EXTERNAL_CORRELATION, false);
}
