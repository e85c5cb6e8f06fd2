/* SPDX-License-Identifier: MIT */
/* The small parts of viewer-export: digits, names, launches, gauges, output. */
#include "base/text.h"
#include "tests/unit/harness.h"
#include "viewer-export/digits.h"
#include "viewer-export/gauges.h"
#include "viewer-export/kernel_name.h"
#include "viewer-export/launches.h"
#include "viewer-export/output.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

TEST(digits_are_those_of_base_text_for_every_length_and_sign)
{
	struct text text;
	char digits[2 * DIGITS_MAX];
	int64_t value = 1;
	text_begin(&text, 1000);
	for (int i = 0; i < 63; i++, value = (int64_t)((uint64_t)value << 1)) {
		for (int64_t sign = -1; sign <= 1; sign++) {
			int64_t number = sign * (value - (i & 1));
			text_clear(&text);
			text_add_integer(&text, number);
			*put_integer(digits, number) = 0;
			CHECK_TEXT(digits, text_string(&text));
			text_clear(&text);
			text_add_microseconds(&text, number);
			*put_microseconds(digits, number) = 0;
			CHECK_TEXT(digits, text_string(&text));
		}
	}
	*put_integer(digits, INT64_MIN) = 0;
	CHECK_TEXT(digits, "-9223372036854775808");
	*put_microseconds(digits, INT64_MIN) = 0;
	CHECK_TEXT(digits, "-9223372036854775.808");
	*put_microseconds(digits, 7) = 0;
	CHECK_TEXT(digits, "0.007");
	text_end(&text);
}

static void check_kernel_name(const char *name, const char *shown, const char *parameters)
{
	const char *rest;
	char copy[512];
	struct name_part part = kernel_name_short(name, &rest);
	(void)snprintf(copy, sizeof copy, "%.*s", (int)part.length, part.bytes);
	CHECK_TEXT(copy, shown);
	CHECK_TEXT(rest, parameters);
}

TEST(kernel_names_lose_return_type_and_parameters_only)
{
	check_kernel_name(
		"ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
		"ncclDevKernel_AllReduce_Sum_f32_RING_LL", "(ncclDevKernelArgsStorage<4096ul>)");
	check_kernel_name("void f<4, g(int)::{lambda()#1}>(int, g(int)::{lambda()#1})",
			  "f<4, g(int)::{lambda()#1}>", "(int, g(int)::{lambda()#1})");
	check_kernel_name("void (anonymous namespace)::k<int>(int*)",
			  "(anonymous namespace)::k<int>", "(int*)");
	check_kernel_name("triton_poi_fused_0", "triton_poi_fused_0", "");
	check_kernel_name("my kernel (fast)", "my kernel (fast)", "");
	check_kernel_name("(anonymous namespace)", "(anonymous namespace)", "");
	check_kernel_name("f()", "f", "()");
	check_kernel_name("unbalanced)", "unbalanced)", "");
	check_kernel_name(")", ")", "");
	check_kernel_name("()", "()", "");
	check_kernel_name("", "", "");
}

static void check_call_name(const char *name, size_t length)
{
	struct name_part part = call_name_short(name);
	CHECK(part.bytes == name);
	CHECK_INT(part.length, length);
}

TEST(only_the_version_that_cupti_appends_is_cut_off_a_function)
{
	check_call_name("cudaLaunchKernel_v7000", strlen("cudaLaunchKernel"));
	check_call_name("cudaLaunchKernelExC_v11060", strlen("cudaLaunchKernelExC"));
	check_call_name("cuMemcpyHtoDAsync_v2", strlen("cuMemcpyHtoDAsync_v2"));
	check_call_name("cudaMalloc", strlen("cudaMalloc"));
	check_call_name("_v7000", strlen("_v7000"));
	check_call_name("", 0);
}

/* In order; nearly; random, with equal ones; two threads that write long stretches in turn. */
static int64_t correlation_made(unsigned way, int i)
{
	return way == 0 ? i * 3 + 1 :
	       way == 1 ? (int64_t)5 << 32 | (i / 40 * 40 + (i * 7) % 40) :
	       way == 2 ? rand() % 5000 :
			  i / 900 * 900 / 2 + i % 900 * 2 + i / 900 % 2;
}

TEST(a_launch_is_found_by_its_correlation_whatever_the_order)
{
	enum { COUNT = 3000 };
	for (unsigned way = 0; way < 4; way++) {
		struct launch_index index = { .count = 0 };
		int64_t ids[COUNT];
		srand(way);
		for (int i = 0; i < COUNT; i++) {
			ids[i] = correlation_made(way, i);
			const struct launch launch = {
				.correlation_id = ids[i], .start_ns = INT64_C(1) << (i % 62),
				.end_ns = (INT64_C(1) << (i % 62)) + i, .group = (uint32_t)i,
			};
			CHECK(launch_index_add(&index, &launch));
		}
		CHECK(launch_index_solve(&index));
		for (int i = 0; i < 4000; i++) {
			int64_t wanted = i % 2 == 0 ? ids[rand() % COUNT] : rand() % 12000 - 20;
			size_t first = 0;
			struct launch found = { .call = COUNT };
			while (first < COUNT && ids[first] != wanted)
				first++;
			bool is_there = first < COUNT && wanted != 0;
			CHECK_INT(launch_index_find(&index, wanted, &found), is_there);
			if (!is_there)
				continue;
			CHECK_INT(found.call, first);
			CHECK_INT(found.correlation_id, wanted);
			CHECK_INT(found.start_ns, INT64_C(1) << (first % 62));
			CHECK_INT(found.end_ns - found.start_ns, first);
			CHECK_INT(found.group, first);
		}
		launch_index_end(&index);
	}
}

struct heard {
	char text[2000];
};

static bool hear(void *context, const char *name, const char *series, int64_t time_ns,
		 int64_t value)
{
	struct heard *heard = context;
	size_t used = strlen(heard->text);
	(void)snprintf(heard->text + used, sizeof heard->text - used, "%s %s %lld=%lld; ", name,
		       series, (long long)time_ns, (long long)value);
	return true;
}

TEST(the_queue_counts_what_is_launched_and_not_finished)
{
	struct gauge_set set;
	struct heard heard = { "" };
	CHECK(gauge_set_begin(&set, 1, 0, 100000));
	CHECK_INT(set.tick_ns, 1000);
	CHECK(gauge_set_launch(&set, 0, 1500, 4500));
	CHECK(gauge_set_launch(&set, 0, 2000, 4600));
	CHECK(gauge_set_launch(&set, 0, 6100, 6200));	/* between two ticks */
	CHECK(gauge_set_launch(&set, 0, 9000, 8000));	/* over before its call: nothing waits */
	CHECK(gauge_set_launch(&set, -1, 1, 2));
	CHECK(gauge_set_report(&set, 0, hear, &heard));
	CHECK_TEXT(heard.text,
		   "queue launched, not finished 0=0; queue launched, not finished 2000=2; "
		   "queue launched, not finished 5000=0; ");
	gauge_set_end(&set);
}

/* 100 us in stretches of 10 us: what is copied in each, however short the copy. */
TEST(copy_rates_are_means_over_stretches_of_time)
{
	struct gauge_set set;
	struct heard heard = { "" };
	CHECK(gauge_set_begin(&set, 2, 0, 100000));
	CHECK(gauge_set_copy(&set, 1, COPY_HTOD, 20000, 2000, 3000));
	CHECK(gauge_set_copy(&set, 1, COPY_HTOD, 10000, 9000, 11000));	/* half in each */
	CHECK(gauge_set_copy(&set, 1, COPY_HTOD, 100000, 15000, 65000));	/* through four */
	CHECK(gauge_set_copy(&set, 1, COPY_DTOH, 7, 0, 0));
	CHECK(gauge_set_copy(&set, 1, COPY_DTOH, INT64_MAX, 0, 1));
	CHECK(gauge_set_report(&set, 1, hear, &heard));
	CHECK_TEXT(heard.text, "copy HtoD MB/s 0=2500; copy HtoD MB/s 10000=1500; "
			       "copy HtoD MB/s 20000=2000; copy HtoD MB/s 60000=1000; "
			       "copy HtoD MB/s 70000=0; ");
	gauge_set_end(&set);
}

TEST(no_byte_of_a_copy_is_lost_in_its_rate)
{
	struct gauge_set set;
	uint64_t expected = 0, found = 0, through = 0;
	CHECK(gauge_set_begin(&set, 1, 500, 500 + INT64_C(400000000)));
	srand(7);
	for (int i = 0; i < 1000; i++) {
		int64_t start = 500 + rand() % 300000000, bytes = 1 + rand() % 1000000;
		CHECK(gauge_set_copy(&set, 0, COPY_DTOD, bytes, start,
				     start + 1 + rand() % 100000000));
		expected += (uint64_t)bytes;
	}
	for (size_t i = 0; i < GAUGE_TICKS; i++) {
		through += set.devices[0].copies[COPY_DTOD][i].through_change;
		found += through + set.devices[0].copies[COPY_DTOD][i].bytes;
	}
	CHECK(found == expected);
	gauge_set_end(&set);
}

static int entries_in(const char *folder)
{
	DIR *entries = opendir(folder);
	int count = 0;
	CHECK(entries != NULL);
	while (readdir(entries) != NULL)
		count++;
	closedir(entries);
	return count - 2;
}

static void read_file(const char *path, char *bytes, size_t size)
{
	FILE *file = fopen(path, "rb");
	CHECK(file != NULL);
	bytes[fread(bytes, 1, size - 1, file)] = 0;
	fclose(file);
}

TEST(an_output_appears_only_when_it_is_committed)
{
	struct output *output;
	struct error error;
	char bytes[64];
	const char *path = test_path("a.json");
	CHECK_OK(output_open(&output, path, &error), error);
	CHECK_OK(output_write(output, "one", 3, &error), error);
	CHECK(access(path, F_OK) != 0);
	CHECK_OK(output_commit(output, &error), error);
	read_file(path, bytes, sizeof bytes);
	CHECK_TEXT(bytes, "one");
	CHECK_OK(output_open(&output, path, &error), error);
	CHECK_OK(output_write(output, "two", 3, &error), error);
	output_abandon(output);
	read_file(path, bytes, sizeof bytes);
	CHECK_TEXT(bytes, "one");
	CHECK_INT(entries_in(test_folder()), 1);
}

TEST(an_output_named_gz_is_compressed_the_same_each_time)
{
	struct error error;
	char first[256], second[256], plain[64];
	for (int i = 0; i < 2; i++) {
		struct output *output;
		CHECK_OK(output_open(&output, test_path(i == 0 ? "a.gz" : "b.gz"), &error), error);
		for (int j = 0; j < 10; j++)
			CHECK_OK(output_write(output, "hello", 5, &error), error);
		CHECK_INT(output_bytes(output), 50);
		CHECK_OK(output_commit(output, &error), error);
	}
	memset(first, 0, sizeof first);
	memset(second, 0, sizeof second);
	read_file(test_path("a.gz"), first, sizeof first);
	read_file(test_path("b.gz"), second, sizeof second);
	CHECK(memcmp(first, second, sizeof first) == 0);
	gzFile file = gzopen(test_path("a.gz"), "rb");
	CHECK(file != NULL);
	CHECK_INT(gzread(file, plain, sizeof plain), 50);
	CHECK(memcmp(plain, "hellohello", 10) == 0);
	gzclose(file);
}

TEST(an_output_that_cannot_be_written_says_path_and_reason_and_leaves_nothing)
{
	struct output *output;
	struct error error = { 0 };
	CHECK(!output_open(&output, test_path("missing/a.json"), &error));
	CHECK_CONTAINS(error.message, "missing/a.json': No such file or directory");
	CHECK(!output_open(&output, test_folder(), &error));
	CHECK_CONTAINS(error.message, "it is a folder");
	if (access("/dev/full", W_OK) == 0) {
		CHECK_OK(output_open(&output, "/dev/full", &error), error);
		CHECK(!output_write(output, "x", 1, &error));
		CHECK_CONTAINS(error.message, "'/dev/full': No space left on device");
		output_abandon(output);
		CHECK(access("/dev/full", W_OK) == 0);
	}
	CHECK_INT(entries_in(test_folder()), 0);
}

TEST(an_output_through_a_symbolic_link_replaces_what_it_points_to)
{
	struct output *output;
	struct error error;
	struct stat status;
	char bytes[64];
	CHECK_OK(output_open(&output, test_path("real.json"), &error), error);
	CHECK_OK(output_commit(output, &error), error);
	CHECK_INT(symlink("real.json", test_path("link.json")), 0);
	CHECK_OK(output_open(&output, test_path("link.json"), &error), error);
	CHECK_OK(output_write(output, "new", 3, &error), error);
	CHECK_OK(output_commit(output, &error), error);
	CHECK_INT(lstat(test_path("link.json"), &status), 0);
	CHECK(S_ISLNK(status.st_mode));
	read_file(test_path("real.json"), bytes, sizeof bytes);
	CHECK_TEXT(bytes, "new");
}
