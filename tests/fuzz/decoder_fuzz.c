/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: records of a CUPTI buffer, in the strides of CUDA 11.8, 12.4, 13.0 and 13.4. Their
 * bytes are anything; pointers to names are valid or NULL, as CUPTI's are.
 */
#include "libtrace/cupti_decode.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

const char *const fuzz_name = "decoder";

enum { BUFFER_BYTES = 16 * 1024 };

/* Bytes of the records that the decoder reads: CUDA 11.8, 12.4, 13.0, 13.4. */
static const struct { uint8_t kind; uint16_t strides[4]; } known[] = {
	{ 1, { 88, 88, 96, 112 } },	{ 2, { 88, 88, 88, 104 } },
	{ 3, { 200, 208, 216, 248 } },	{ 4, { 40, 40, 40, 40 } },
	{ 5, { 40, 40, 40, 40 } },	{ 8, { 176, 184, 184, 192 } },
	{ 9, { 16, 24, 32, 40 } },	{ 10, { 200, 208, 216, 248 } },
	{ 11, { 32, 32, 32, 32 } },	{ 17, { 40, 56, 56, 56 } },
	{ 22, { 96, 96, 96, 96 } },	{ 25, { 64, 64, 104, 104 } },
	{ 50, { 72, 72, 80, 80 } },	{ 52, { 64, 72, 72, 72 } },
	{ 56, { 0, 0, 0, 56 } },	{ 58, { 0, 0, 0, 48 } },
	{ 36, { 24, 24, 56, 56 } },
	{ 37, { 24, 24, 24, 24 } },	{ 38, { 40, 40, 56, 56 } },
	{ 39, { 24, 24, 24, 24 } },	{ 48, { 40, 40, 40, 40 } },
	{ 49, { 120, 120, 128, 128 } },	{ 51, { 48, 56, 56, 56 } },
};

static const struct { uint32_t kind; size_t name_at; } named[] = {
	{ CUPTI_KIND_KERNEL, offsetof(struct cupti_kernel, name) },
	{ CUPTI_KIND_CONCURRENT_KERNEL, offsetof(struct cupti_kernel, name) },
	{ CUPTI_KIND_DEVICE, offsetof(struct cupti_device, name) },
	{ CUPTI_KIND_NAME, offsetof(struct cupti_name, name) },
	{ CUPTI_KIND_MEMORY2, offsetof(struct cupti_memory, name) },
};

struct heard {
	size_t rows;
	int64_t lost;
	int64_t low_ns, high_ns, epoch_ns;
};

static void require_span(const struct heard *heard, int64_t start_ns, int64_t duration_ns)
{
	fuzz_require(duration_ns >= 0 && start_ns >= heard->low_ns - heard->epoch_ns &&
			     start_ns <= heard->high_ns - heard->epoch_ns - duration_ns,
		     "only plausible times are stored");
}

static void hear_row(void *context, enum trace_table table, const void *row)
{
	struct heard *heard = context;
	const struct table_descriptor *descriptor = &trace_tables[table];
	uint64_t sum = 0;
	int64_t first = 0, second = 0;
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const char *at = (const char *)row + descriptor->columns[i].offset;
		const char *text = NULL;
		int64_t number = 0;
		if (descriptor->columns[i].type == COLUMN_TYPE_TEXT) {
			memcpy(&text, at, sizeof text);
			sum += text == NULL ? 0 : strlen(text);
			continue;
		}
		memcpy(&number, at, sizeof number);
		sum += (uint64_t)number;	/* a sanitizer sees what was never set */
		first = i == 0 ? number : first;
		second = i == 1 ? number : second;
	}
	if (strcmp(descriptor->columns[0].name, "start_ns") == 0)
		require_span(heard, first, second);
	heard->rows += 1 + (sum & 0);
}

static int64_t hear_string(void *context, const char *text)
{
	(void)context;
	return (int64_t)strlen(text);
}

static int64_t hear_stream(void *context, int64_t device_id, int64_t context_id, int64_t number)
{
	(void)context;
	return (device_id ^ context_id ^ number) & 7;
}

static int64_t find_device(void *context, int64_t context_id)
{
	(void)context;
	return context_id % 3 - 1;
}

static int64_t hear_symbol(void *context, struct kernel_symbol_row *shape, const char *name)
{
	(void)context;
	shape->kernel_id = name == NULL ? 0 : (int64_t)strlen(name);
	return shape->kernel_id;
}

static int64_t hear_api_name(void *context, enum api_kind api, uint32_t cbid)
{
	(void)context;
	return (int64_t)(cbid % 4) - (api == API_DRIVER);
}

static void hear_stream_name(void *context, int64_t context_id, int64_t number, const char *name)
{
	(void)context_id;
	(void)number;
	((struct heard *)context)->rows += name[0] == 0;
}

static void hear_thread(void *context, int64_t thread_id, const char *name)
{
	(void)thread_id;
	((struct heard *)context)->rows += name != NULL && name[0] == 0;
}

static void hear_loss(void *context, const char *reason, int64_t count)
{
	fuzz_require(count > 0 && reason[0] != 0, "a loss has a number and a reason");
	((struct heard *)context)->lost += count;
}

/* Stamps near the window as often as any number. */
static uint64_t word_make(struct feed *feed)
{
	if (feed_byte(feed) % 3 == 0)
		return UINT64_C(1790000000000000000) + feed_byte(feed) * 1000u;
	return (uint64_t)feed_integer(feed);
}

static size_t record_make(struct feed *feed, const uint16_t *strides, unsigned char *at,
			  size_t left)
{
	static const char *const names[] = { NULL, "", "_Z4gemmPf", "\xff\x1b[0m" };
	uint8_t choice = feed_byte(feed);
	uint32_t kind = choice < 0xf0 ? known[choice % (sizeof known / sizeof known[0])].kind
				      : (uint32_t)feed_word(feed);
	size_t size = kind < CUPTI_KIND_LIMIT && strides[kind] != 0 ? strides[kind] : 8;
	if (size > left)
		size = left;
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = word_make(feed);
		memcpy(at + i, &word, size - i < 8 ? size - i : 8);
	}
	if (size >= sizeof kind)
		memcpy(at, &kind, sizeof kind);
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		const char *name = names[feed_byte(feed) % 4];
		if (named[i].kind == kind && named[i].name_at + sizeof name <= size)
			memcpy(at + named[i].name_at, &name, sizeof name);
	}
	return size;
}

static size_t buffer_make(struct feed *feed, const uint16_t *strides, unsigned char *bytes)
{
	size_t size = 0, cut = feed_byte(feed);
	while (feed->left > 0 && size < BUFFER_BYTES)
		size += record_make(feed, strides, bytes + size, BUFFER_BYTES - size);
	return cut < 0x80 || cut > size ? size : size - cut + 0x80;
}

static void decode(const struct cupti_decode_options *options, struct heard *heard,
		   const unsigned char *bytes, size_t size)
{
	const struct cupti_sink sink = {
		.context = heard, .put = hear_row, .string = hear_string, .stream = hear_stream,
		.device_of = find_device, .kernel_symbol = hear_symbol, .api_name = hear_api_name,
		.stream_name = hear_stream_name, .thread = hear_thread,
	};
	/* Of exactly the size, so that a sanitizer sees one byte too many. */
	unsigned char *copy = malloc(size == 0 ? 1 : size);
	struct cupti_decoder *decoder = cupti_decoder_create(options, &sink);
	fuzz_require(copy != NULL && decoder != NULL, "memory");
	memcpy(copy, bytes, size);
	cupti_decoder_set_window(decoder, heard->low_ns, heard->high_ns);
	size_t count = cupti_decode(decoder, copy, size);
	fuzz_require(count == cupti_count_records(options->strides, copy, size),
		     "decoding and counting agree");
	/* An allocation with its pool, a migration with the stream that it names. */
	fuzz_require(heard->rows <= 2 * count, "a record makes at most two rows");
	cupti_decoder_take_losses(decoder, hear_loss, heard);
	fuzz_require(heard->lost <= (int64_t)count + 1, "a record is lost at most once");
	cupti_decoder_close(decoder);
	free(copy);
}

/* A library that does not exist yet may have any strides, multiples of 8. */
static void strides_make(struct feed *feed, uint8_t how, uint16_t strides[CUPTI_KIND_LIMIT])
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		strides[known[i].kind] = known[i].strides[how % 4];
	if ((how & 32) != 0)
		for (size_t i = 0; i < 4; i++)
			strides[known[feed_below(feed, sizeof known / sizeof known[0])].kind] =
				(uint16_t)(8 * feed_below(feed, 40));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static unsigned char buffer[BUFFER_BYTES] __attribute__((aligned(8)));
	struct feed feed = { bytes, size };
	uint16_t strides[CUPTI_KIND_LIMIT] = { 0 };
	uint8_t how = feed_byte(&feed);
	strides_make(&feed, how, strides);
	struct heard heard = { .high_ns = INT64_MAX };
	if ((how & 4) != 0) {
		heard.epoch_ns = 1790000000000000000;
		heard.low_ns = heard.epoch_ns - 5000;
		heard.high_ns = heard.epoch_ns + 1000000;
	}
	const struct cupti_decode_options options = {
		.strides = strides, .epoch_ns = heard.epoch_ns,
		.has_api_records = (how & 8) != 0, .own_thread_id = (how & 16) != 0 ? 100 : 0,
	};
	size_t used = buffer_make(&feed, strides, buffer);
	decode(&options, &heard, buffer, used);
	return 0;
}
