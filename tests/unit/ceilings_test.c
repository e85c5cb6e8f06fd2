/* SPDX-License-Identifier: MIT */
#include "analyzer/gpu_ceilings.h"
#include "tests/unit/harness.h"
#include "tracedb/ceilings_json.h"
#include "tracedb/file_format.h"

#include <stdio.h>
#include <string.h>

#define HEAD \
	"{\"format\":\"laggard-ceilings\",\"version\":1,\"host\":\"node7\",\"made_ns\":" \
	"5000000000,"
#define GPUS \
	"\"gpus\":[{\"gpu_id\":0,\"uuid\":\"GPU-aa\",\"pci_bus_id\":\"0000:01:00.0\"," \
	"\"name\":\"RTX\",\"pcie_generation\":4,\"pcie_width\":16}," \
	"{\"gpu_id\":1,\"uuid\":\"GPU-bb\",\"pci_bus_id\":\"0000:41:00.0\",\"name\":\"RTX\"}],"

static const char whole[] = HEAD GPUS
	"\"ceilings\":["
	"{\"kind\":\"h2d\",\"gpu_id\":0,\"memory\":\"pinned\",\"together_mask\":1,"
	"\"samples\":12,\"size_bytes\":67108864,\"bytes_per_s\":25000000000,\"duration_ns\":"
	"2684355},"
	"{\"kind\":\"h2d\",\"gpu_id\":0,\"memory\":\"pageable\",\"together_mask\":1,"
	"\"samples\":6,\"bytes_per_s\":99000000000},"
	"{\"kind\":\"h2d\",\"gpu_id\":0,\"memory\":\"pinned\",\"together_mask\":3,"
	"\"samples\":12,\"bytes_per_s\":13000000000},"
	"{\"kind\":\"d2h\",\"gpu_id\":0,\"memory\":\"pinned\",\"together_mask\":1,"
	"\"samples\":12,\"bytes_per_s\":26000000000},"
	"{\"kind\":\"launch-call\",\"gpu_id\":0,\"together_mask\":1,\"samples\":40,"
	"\"duration_ns\":2100},"
	"{\"kind\":\"all-reduce\",\"together_mask\":3,\"samples\":5,\"bytes_per_s\":4000000000},"
	"{\"kind\":\"all-reduce\",\"together_mask\":3,\"samples\":5,\"bytes_per_s\":9000000000},"
	"{\"kind\":\"all-reduce\",\"together_mask\":1,\"samples\":5,\"bytes_per_s\":90000000000}"
	"],\"later\":{\"gpus\":[1,{\"uuid\":3}]}}";

static const char *json_write(const char *text)
{
	const char *path = test_path("ceilings.json");
	FILE *file = fopen(path, "we");
	CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	return path;
}

static void ceilings_load(struct ceilings *ceilings, const char *text)
{
	struct error error;
	CHECK_OK(ceilings_read_json(ceilings, json_write(text), &error), error);
}

TEST(ceilings_come_back_from_their_file_as_they_were)
{
	struct ceilings ceilings, read;
	struct error error;
	enum file_format format;
	const char *path = test_path("ceilings.db");
	ceilings_load(&ceilings, whole);
	CHECK_INT(ceilings.gpu_count, 2);
	CHECK_INT(ceilings.item_count, 8);
	CHECK_INT(ceilings.gpus[1].pcie_width, -1);	/* not said: unknown */
	CHECK_OK(ceilings_write(&ceilings, path, &error), error);
	CHECK_OK(ceilings_write(&ceilings, path, &error), error);	/* in place of itself */
	CHECK_OK(file_format_of(path, &format, &error), error);
	CHECK_INT(format, FILE_FORMAT_CEILINGS);
	CHECK_OK(ceilings_read(&read, path, &error), error);
	CHECK_TEXT(read.calibration.host, "node7");
	CHECK_INT(read.calibration.made_ns, 5000000000);
	CHECK_INT(read.gpu_count, 2);
	CHECK_TEXT(read.gpus[1].uuid, "GPU-bb");
	CHECK_INT(read.item_count, 8);
	for (size_t i = 0; i < read.item_count; i++) {
		CHECK_TEXT(read.items[i].kind, ceilings.items[i].kind);
		CHECK_TEXT(read.items[i].memory, ceilings.items[i].memory);
		CHECK_INT(read.items[i].gpu_id, ceilings.items[i].gpu_id);
		CHECK_INT(read.items[i].together_mask, ceilings.items[i].together_mask);
		CHECK_INT(read.items[i].bytes_per_s, ceilings.items[i].bytes_per_s);
		CHECK_INT(read.items[i].duration_ns, ceilings.items[i].duration_ns);
	}
	ceilings_end(&read);
	ceilings_end(&ceilings);
}

TEST(ceilings_never_take_the_place_of_something_else)
{
	struct ceilings ceilings;
	struct error error;
	ceilings_load(&ceilings, whole);
	CHECK(!ceilings_write(&ceilings, json_write(whole), &error));
	CHECK_CONTAINS(error.message, "something else has this name");
	ceilings_end(&ceilings);
}

TEST(hostile_ceilings_give_one_error_that_names_the_place)
{
	static const struct { const char *text, *wanted; } cases[] = {
		{ "", "" },
		{ "[]", "no object of ceilings" },
		{ "7", "no object of ceilings" },
		{ "{}", "'format' is not 'laggard-ceilings'" },
		{ "{\"format\":\"laggard-ceilings\",\"version\":2}", "has version 2" },
		{ "{\"format\":\"laggard-ceilings\",\"version\":true}", "'version' is no whole" },
		{ "{\"format\":\"laggard-ceilings\",\"version\":1,\"error\":\"no\\n\\u001bGPU\"}",
		  "cannot calibrate: no  GPU" },
		{ HEAD "\"gpus\":[]}", "names 0 GPUs" },
		{ HEAD "\"gpus\":[7]}", "gpus[0] is no object" },
		{ HEAD "\"gpus\":[{\"gpu_id\":0,\"uuid\":7}]}", "gpus[0]: 'uuid' is no text" },
		{ HEAD "\"gpus\":[{\"gpu_id\":0}]}", "GPU 0: it has no uuid" },
		{ HEAD "\"gpus\":[{\"gpu_id\":1,\"uuid\":\"a\"}]}", "out of order" },
		{ HEAD "\"gpus\":[{\"gpu_id\":1e30}]}", "gpus[0]: 'gpu_id' is no whole number" },
		{ HEAD GPUS "\"ceilings\":[{}]}", "ceiling 0: its kind is not known" },
		{ HEAD GPUS "\"ceilings\":[{\"kind\":\"h2d\",\"gpu_id\":2,\"samples\":1}]}",
		  "no such GPU" },
		{ HEAD GPUS "\"ceilings\":[{\"kind\":\"h2d\",\"gpu_id\":0,\"together_mask\":4}]}",
		  "GPUs that are not there" },
		{ HEAD GPUS "\"ceilings\":[{\"kind\":\"h2d\",\"gpu_id\":0,\"samples\":-1}]}",
		  "missing or negative" },
		{ HEAD GPUS "\"ceilings\":[{\"kind\":\"h2d\",\"gpu_id\":0,\"samples\":1}]}",
		  "nothing was measured" },
		{ HEAD GPUS "\"ceilings\":[", "cut off" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ceilings ceilings;
		struct error error;
		CHECK(!ceilings_read_json(&ceilings, json_write(cases[i].text), &error));
		CHECK_CONTAINS(error.message, cases[i].wanted);
	}
}

/* Each byte cut off or made another: a checked set or an error, and never a crash. */
TEST(damaged_ceilings_are_refused_or_make_sense)
{
	static char text[sizeof whole];
	static const char damage[] = { '0', '-', '"', '}', ']', '[', (char)0xff };
	int refused = 0;
	for (size_t i = 0; i < sizeof whole - 1; i++) {
		struct ceilings ceilings;
		struct error error;
		memcpy(text, whole, sizeof whole);
		text[i] = i % 8 == 7 ? 0 : damage[i % 8];
		if (ceilings_read_json(&ceilings, json_write(text), &error)) {
			CHECK_OK(ceilings_check(&ceilings, "again", &error), error);
			ceilings_end(&ceilings);
			continue;
		}
		CHECK(error.message[0] != 0);
		refused++;
	}
	CHECK(refused > (int)sizeof whole / 4);
}

TEST(ceilings_are_of_one_gpu_on_one_host)
{
	struct ceilings ceilings;
	ceilings_load(&ceilings, whole);
	struct gpu_identity gpu = { .host = "node7", .uuid = "gpu-AA", .pci_bus_id = "",
				    .name = "" };
	struct gpu_ceilings found = gpu_ceilings_find(&ceilings, 1, &gpu);
	CHECK_INT(found.made_ns, 5000000000);
	CHECK_INT(found.alone_bytes_per_s[COPY_WAY_TO_DEVICE], 25000000000);
	CHECK_INT(found.together_bytes_per_s[COPY_WAY_TO_DEVICE], 13000000000);
	CHECK_INT(found.alone_bytes_per_s[COPY_WAY_TO_HOST], 26000000000);
	CHECK_INT(found.together_bytes_per_s[COPY_WAY_TO_HOST], 0);
	CHECK_INT(found.bus_bytes_per_s, 9000000000);
	CHECK_INT(found.bus_gpus, 2);
	CHECK_INT(found.launch_call_ns, 2100);
	gpu.host = "node8";	/* the GPU was moved */
	CHECK_INT(gpu_ceilings_find(&ceilings, 1, &gpu).made_ns, 0);
	gpu = (struct gpu_identity){ .host = "node7", .uuid = "",
				     .pci_bus_id = "00000000:41:00.0", .name = "RTX" };
	CHECK_INT(gpu_ceilings_find(&ceilings, 1, &gpu).made_ns, 5000000000);
	CHECK_INT(gpu_ceilings_find(&ceilings, 1, &gpu).alone_bytes_per_s[0], 0);
	gpu.name = "another";
	CHECK_INT(gpu_ceilings_find(&ceilings, 1, &gpu).made_ns, 0);
	gpu = (struct gpu_identity){ .host = "node7", .uuid = "", .pci_bus_id = "", .name = "RTX" };
	CHECK_INT(gpu_ceilings_find(&ceilings, 1, &gpu).made_ns, 0);
	ceilings_end(&ceilings);
}

TEST(of_several_measurements_the_newest_counts)
{
	struct ceilings ceilings[2];
	const struct gpu_identity gpu = { .host = "node7", .uuid = "GPU-aa", .pci_bus_id = "",
					  .name = "" };
	ceilings_load(&ceilings[0], whole);
	ceilings_load(&ceilings[1], whole);
	ceilings[0].calibration.made_ns++;
	ceilings[0].items[0].bytes_per_s = 1;
	struct gpu_ceilings found = gpu_ceilings_find(ceilings, 2, &gpu);
	CHECK_INT(found.made_ns, 5000000001);
	CHECK_INT(found.alone_bytes_per_s[COPY_WAY_TO_DEVICE], 1);
	ceilings_end(&ceilings[0]);
	ceilings_end(&ceilings[1]);
}

/* The link that was measured is the one in use, or what the link in use should be. */
TEST(measured_rates_are_of_the_link_that_was_measured)
{
	const struct gpu_ceilings measured = {
		.made_ns = 1, .pcie_generation = 4, .pcie_width = 16,
		.alone_bytes_per_s = { [COPY_WAY_TO_DEVICE] = 25, [COPY_WAY_TO_HOST] = 27 },
	};
	struct link link = { .generation_used = 4, .width_used = 16, .generation_max = 4,
			     .width_max = 16, .way_bytes_per_s = { 26, 26 },
			     .way_max_bytes_per_s = { 26, 26 } };
	struct link narrow = link;
	gpu_ceilings_apply(&measured, &link);
	CHECK(link.is_measured);
	CHECK_INT(link.way_bytes_per_s[COPY_WAY_TO_DEVICE], 25);
	CHECK_INT(link.way_max_bytes_per_s[COPY_WAY_TO_HOST], 27);
	narrow.width_used = 4;
	narrow.way_bytes_per_s[0] = narrow.way_bytes_per_s[1] = 6;
	gpu_ceilings_apply(&measured, &narrow);
	CHECK(!narrow.is_measured);
	CHECK_INT(narrow.way_bytes_per_s[COPY_WAY_TO_DEVICE], 6);
	CHECK_INT(narrow.way_max_bytes_per_s[COPY_WAY_TO_DEVICE], 25);
}
