/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: any bytes as the JSON of a measuring program. Either it is a set of ceilings that
 * passes its own check and can be looked up, or there is one error.
 */
#include "analyzer/gpu_ceilings.h"
#include "tests/fuzz/fuzz.h"
#include "tracedb/ceilings_json.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const fuzz_name = "ceilings";

static void set_look_up(const struct ceilings *ceilings)
{
	for (size_t g = 0; g < ceilings->gpu_count; g++) {
		const struct gpu_identity gpu = {
			.host = ceilings->calibration.host,
			.uuid = ceilings->gpus[g].uuid,
			.pci_bus_id = "",
			.name = "",
		};
		const struct gpu_ceilings found = gpu_ceilings_find(ceilings, 1, &gpu);
		fuzz_require(gpu.host[0] == 0 || found.made_ns == ceilings->calibration.made_ns,
			     "a GPU of the set is found");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct ceilings ceilings;
	struct error error = { 0 };
	char path[64];
	int file = memfd_create("ceilings.json", MFD_CLOEXEC);
	fuzz_require(file >= 0 && write(file, bytes, size) == (ssize_t)size, "a file in memory");
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (ceilings_read_json(&ceilings, path, &error)) {
		fuzz_require(ceilings_check(&ceilings, path, &error), "what was read makes sense");
		set_look_up(&ceilings);
		ceilings_end(&ceilings);
	} else {
		fuzz_require(error.kind == ERROR_INPUT || error.kind == ERROR_SYSTEM,
			     "bad input is an error of the input, or what the program says");
		fuzz_require(error.message[0] != 0 && strpbrk(error.message, "\n\r\033") == NULL,
			     "an error is one line");
	}
	(void)close(file);
	return 0;
}
