/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/report_promises.h"

#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

static const size_t TEXT_BYTES_MAX = (size_t)1 << 28;

/* The causes of idle time, and those of the time without compute. */
static void causes_require(const struct gpu_time *time, const struct partition *part)
{
	int64_t absent_ns = 0;
	for (int i = 0; i < PART_COUNT; i++)
		fuzz_require(time->parts.ns[i] >= 0, "no part is negative");
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		fuzz_require(time->parts.absent_ns[cause] >= 0, "no cause is negative");
		absent_ns += time->parts.absent_ns[cause];
	}
	fuzz_require(time->parts.ns[PART_COMPUTE] == part->compute_ns &&
			     time->parts.ns[PART_WAIT] + time->parts.ns[PART_TRANSFER] ==
				     part->comm_ns &&
			     time_parts_copy(&time->parts) == part->copy_ns &&
			     time_parts_idle(&time->parts) == part->idle_ns,
		     "both partitions are the same");
	fuzz_require(absent_ns == part->window_ns - part->compute_ns,
		     "causes make up the time without compute");
}

void report_require_sums(const struct report *report)
{
	for (size_t i = 0; i < report->gpu_count; i++) {
		const struct partition *part = &report->gpus[i].partition;
		fuzz_require(part->compute_ns >= 0 && part->comm_ns >= 0 && part->copy_ns >= 0 &&
				     part->idle_ns >= 0 && part->window_ns >= 0,
			     "no length is negative");
		fuzz_require(part->compute_ns + part->comm_ns + part->copy_ns + part->idle_ns ==
				     part->window_ns,
			     "compute + comm + copy + idle = window");
		fuzz_require(part->window_ns == part->window.end_ns - part->window.start_ns ||
				     part->window_ns == 0,
			     "the window has its length");
		fuzz_require(part->compute_ns == part->compute_union_ns, "compute comes first");
		fuzz_require(part->comm_ns == part->comm_union_ns - part->comm_compute_overlap_ns,
			     "comm is what compute does not hide");
		fuzz_require(part->copy_ns <= part->copy_union_ns, "copies hide, they do not grow");
		fuzz_require(part->graph_only_ns >= 0 && part->graph_only_ns <= part->idle_ns,
			     "graphs lie in idle time");
		fuzz_require(part->longest_gap_ns <= part->idle_ns && part->idle_gaps >= 0 &&
				     (part->idle_gaps > 0) == (part->idle_ns > 0),
			     "gaps make up the idle time");
		causes_require(&report->job.gpus[i].time, part);
	}
}

void json_require(const char *bytes, size_t size)
{
	yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
	fuzz_require(parser != NULL, "memory for a parser");
	const unsigned char *at = (const unsigned char *)bytes;
	if (yajl_parse(parser, at, size) != yajl_status_ok ||
	    yajl_complete_parse(parser) != yajl_status_ok) {
		unsigned char *why = yajl_get_error(parser, 1, at, size);
		(void)fprintf(stderr, "%s\n", (const char *)why);
		fuzz_require(false, "JSON is JSON");
	}
	yajl_free(parser);
}

void json_require_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	fuzz_require(file != NULL && fseek(file, 0, SEEK_END) == 0, "the output opens");
	long size = ftell(file);
	char *bytes = malloc((size_t)size + 1);
	rewind(file);
	fuzz_require(bytes != NULL && fread(bytes, 1, (size_t)size, file) == (size_t)size,
		     "the output is read");
	(void)fclose(file);
	json_require(bytes, (size_t)size);
	free(bytes);
}

/* A name in a trace must not steer the terminal that it is shown on. */
static void plain_require(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t size = utf8_sequence_length(bytes + i, length - i);
		bool is_control = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f ||
				  (size == 2 && (unsigned char)bytes[i] == 0xc2 &&
				   (unsigned char)bytes[i + 1] < 0xa0);
		if (size == 0 || (is_control && bytes[i] != '\n')) {
			size_t begin = i < 60 ? 0 : i - 60;
			(void)fprintf(stderr, "byte %02x after: %.*s\n", (unsigned char)bytes[i],
				      (int)(i - begin), bytes + begin);
			fuzz_require(false, "reports are UTF-8 without control characters");
		}
		i += size;
	}
}

void report_require_renderings(const struct report *report)
{
	static const struct report_style styles[] = {
		{ .format = REPORT_TEXT },
		{ .format = REPORT_TEXT, .has_unicode = true },
		{ .format = REPORT_TEXT, .has_color = true },
		{ .format = REPORT_JSON },
		{ .format = REPORT_MARKDOWN },
	};
	for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
		struct error error = { 0 };
		struct text text;
		text_begin(&text, TEXT_BYTES_MAX);
		fuzz_require(report_render(report, &styles[i], &text, &error), "a report renders");
		if (styles[i].format == REPORT_JSON)
			json_require(text_string(&text), text.length);
		else if (!styles[i].has_color)
			plain_require(text_string(&text), text.length);
		text_end(&text);
	}
}
