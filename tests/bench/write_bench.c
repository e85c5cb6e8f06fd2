/* SPDX-License-Identifier: MIT */
/*
 * `write_bench FOLDER [RECORDS]`: CUPTI kernel records -> decoder -> recorder -> database, against
 * the bare INSERT loop over the same rows. Repetitions interleave; the ratio is of median CPU
 * times.
 */
#include "libtrace/cupti_decode.h"
#include "libtrace/flight_recorder.h"
#include "libtrace/recorder.h"
#include "tests/bench/bare_insert.h"
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNELS_A_BUFFER = 4 * 1024 * 1024 / 216, SYMBOLS = 40, STREAMS = 3 };

static const int64_t EPOCH_NS = 1790000000000000000;
static char names[SYMBOLS][64];

/*
 * Realistic enough for SQLite's variable-length integers: microsecond kernels over seconds, a few
 * streams.
 */
static struct kernel_row row_make(size_t i, int64_t start_ns)
{
	return (struct kernel_row){
		.start_ns = start_ns, .duration_ns = 2000 + (int64_t)(i * 104729 % 9000),
		.stream_id = 1 + (int64_t)(i % STREAMS), .kernel_id = 1 + (int64_t)(i % SYMBOLS),
		.correlation_id = 100 + (int64_t)i * 3,
	};
}

static struct kernel_row *rows_make(size_t count)
{
	struct kernel_row *rows = calloc(count, sizeof *rows);
	if (rows == NULL)
		bench_fail("rows", "no memory");
	int64_t start_ns = 0;
	for (size_t i = 0; i < count; i++) {
		start_ns += 3000 + (int64_t)(i * 7919 % 5000);
		rows[i] = row_make(i, start_ns);
	}
	return rows;
}

static struct cupti_kernel *records_make(const struct kernel_row *rows, size_t count)
{
	struct cupti_kernel *records = calloc(count, sizeof *records);
	if (records == NULL)
		bench_fail("records", "no memory");
	for (size_t i = 0; i < count; i++)
		records[i] = (struct cupti_kernel){
			.kind = CUPTI_KIND_CONCURRENT_KERNEL, .registers = 64,
			.start = (uint64_t)(EPOCH_NS + rows[i].start_ns),
			.end = (uint64_t)(EPOCH_NS + rows[i].start_ns + rows[i].duration_ns),
			.context = 1, .stream = (uint32_t)(6 + rows[i].stream_id),
			.grid = { 128, 1, 1 }, .block = { 256, 1, 1 },
			.correlation = (uint32_t)rows[i].correlation_id,
			.name = names[rows[i].kernel_id - 1],
		};
	return records;
}

static void records_write(const char *path, const struct cupti_kernel *records, size_t count)
{
	struct error error;
	struct recorder *recorder = NULL;
	const struct recorder_options options = { .epoch_ns = EPOCH_NS, .pid = 1 };
	if (!recorder_create(&recorder, path, &options, &error))
		bench_fail(path, error.message);
	const struct cupti_sink sink = recorder_sink(recorder);
	const struct cupti_decode_options decoding = { .strides = cupti_strides_13_0,
						       .epoch_ns = EPOCH_NS };
	struct cupti_decoder *decoder = cupti_decoder_create(&decoding, &sink);
	if (decoder == NULL)
		bench_fail("decoder", "no memory");
	cupti_decoder_set_window(decoder, EPOCH_NS, INT64_MAX);
	for (size_t i = 0; i < count; i += KERNELS_A_BUFFER) {
		size_t part = count - i < KERNELS_A_BUFFER ? count - i : KERNELS_A_BUFFER;
		if (cupti_decode(decoder, records + i, part * sizeof *records) != part)
			bench_fail("decoder", "met another number of records");
		recorder_flush(recorder, false);
	}
	cupti_decoder_close(decoder);
	if (!recorder_close(recorder, &error))
		bench_fail(path, error.message);
}

static void buffers_keep(struct flight *flight, const struct cupti_kernel *records, size_t count)
{
	for (size_t i = 0; i < count; i += KERNELS_A_BUFFER) {
		size_t part = count - i < KERNELS_A_BUFFER ? count - i : KERNELS_A_BUFFER;
		flight_keep_buffer(flight, records + i, part * sizeof *records);
	}
}

/*
 * The same records kept by the flight recorder, which decodes none of them: CPU time once its
 * memory has been filled, for the first touch of its pages is paid once.
 */
static int64_t records_keep(const struct cupti_kernel *records, size_t count)
{
	struct error error;
	struct recorder *recorder = NULL;
	struct flight *flight = NULL;
	const struct recorder_options options = { .epoch_ns = EPOCH_NS, .pid = 1 };
	const struct settings settings = { .flight_s = 3600, .flight_mb = 64 };
	const struct flight_plan plan = { .settings = &settings, .epoch_ns = EPOCH_NS, .path = "",
					  .strides = cupti_strides_13_0 };
	struct flight_plan with = plan;
	if (!recorder_create(&recorder, NULL, &options, &error))
		bench_fail("flight recorder", error.message);
	with.recorder = recorder;
	if (!flight_create(&flight, &with, &error))
		bench_fail("flight recorder", error.message);
	for (size_t bytes = 0; bytes < 2 * ((size_t)settings.flight_mb << 20);
	     bytes += count * sizeof *records)
		buffers_keep(flight, records, count);
	int64_t begin_ns = bench_cpu_ns();
	buffers_keep(flight, records, count);
	int64_t cpu_ns = bench_cpu_ns() - begin_ns;
	flight_close(flight);
	(void)recorder_close(recorder, NULL);
	return cpu_ns;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		bench_fail("usage", "write_bench FOLDER [RECORDS]");
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	int64_t ours[BENCH_REPETITIONS], bare[BENCH_REPETITIONS], kept[BENCH_REPETITIONS];
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/write_bench.db", argv[1]);
	for (int i = 0; i < SYMBOLS; i++)
		(void)snprintf(names[i], sizeof names[i], "_Z12some_kernel%02dPKfS0_Pfi", i);
	struct kernel_row *rows = rows_make(count);
	struct cupti_kernel *records = records_make(rows, count);
	int64_t bytes = 0;
	for (int i = 0; i < BENCH_REPETITIONS; i++) {
		bench_remove(path);
		int64_t begin_ns = bench_cpu_ns();
		bare_insert_kernels(path, rows, count);
		bare[i] = bench_cpu_ns() - begin_ns;
		bench_remove(path);
		begin_ns = bench_cpu_ns();
		records_write(path, records, count);
		ours[i] = bench_cpu_ns() - begin_ns;
		bytes = bench_file_bytes(path);
		kept[i] = records_keep(records, count);
	}
	bench_remove(path);
	free(records);
	free(rows);
	double bare_ns = (double)bench_median(bare, BENCH_REPETITIONS);
	double ours_ns = (double)bench_median(ours, BENCH_REPETITIONS);
	printf("writing: speed relative to bare INSERT      %6.2f   (at least 0.80; %zu kernel "
	       "records, "
	       "%.0f and %.0f ns a record)\n",
	       bare_ns / ours_ns, count, ours_ns / (double)count, bare_ns / (double)count);
	printf("writing: bytes a kernel row                 %6.1f   (at most 40)\n",
	       (double)bytes / (double)count);
	double kept_ns = (double)bench_median(kept, BENCH_REPETITIONS);
	printf("flight recorder: cost relative to recording %6.3f   (%.1f ns a kernel record)\n",
	       kept_ns / ours_ns, kept_ns / (double)count);
	return 0;
}
