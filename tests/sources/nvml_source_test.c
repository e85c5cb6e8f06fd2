/* SPDX-License-Identifier: MIT */
/*
 * Against the rig's libnvidia-ml.so.1: found by its name once it is loaded from where it was built.
 */
#include "libtrace/nvml_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/unit/harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void library_load(const char *scenario)
{
	static const char name[] = "../rig/common/libnvidia-ml.so.1";
	char path[4096];
	FILE *file = fopen(test_path("nvml.scn"), "w");
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof name);
	CHECK(file != NULL && length > 0);
	fprintf(file, "scenario nvml\nseed 1\ngpus 2\nprocesses 1\n%s", scenario);
	fclose(file);
	setenv("RIG_SCENARIO", test_path("nvml.scn"), 1);
	path[length] = 0;
	memcpy(strrchr(path, '/') + 1, name, sizeof name);
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL)
		test_skip("the rig's NVML double is not built");
}

TEST(devices_are_found_by_uuid_and_not_by_number)
{
	library_load("gpu 1 uuid=GPU-00112233-4455-6677-8899-aabbccddeeff pcie_width=4\n");
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);	/* CUDA's first is NVML's second */
	row->uuid = "GPU-00112233-4455-6677-8899-aabbccddeeff";
	nvml_source_start(drain, 0);
	CHECK_INT(row->pcie_width, 4);
	CHECK_INT(row->pcie_width_max, 16);
	CHECK_INT(row->pcie_generation, 4);
	CHECK_INT(row->pcie_generation_max, 4);
	CHECK_INT(row->pcie_replays, 0);
	CHECK_INT(row->power_limit_mw, 450000);
	CHECK(row->clock_sm_max_mhz > 0);
	CHECK(row->memory_bytes > 0);
	CHECK_TEXT(row->name, "NVIDIA GeForce RTX 4090");
	CHECK(row->pci_bus_id != NULL && strlen(row->pci_bus_id) == 16);
	CHECK_TEXT(drain_trace_row(drain)->driver_version, "580.65.06");
	struct device_row *later = fake_device_add(drain, 1);
	later->pci_bus_id = row->pci_bus_id;
	nvml_source_start(drain, 0);
	CHECK_INT(later->pcie_width, 4);
}

TEST(what_a_device_does_not_support_is_said_once)
{
	library_load("gpu 0 unsupported=31\ngpu 1 unsupported=31\n");
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);
	row->uuid = "GPU-not-there";
	nvml_source_start(drain, 0);
	CHECK_INT(fake_loss(drain, "nvml", "device 0 not found by NVML"), 0);
	CHECK_INT(row->power_limit_mw, 0);
	row = fake_device_add(drain, 1);
	row->pci_bus_id = "00000000:01:00.0";
	nvml_source_start(drain, 0);
	CHECK_INT(fake_loss(drain, "nvml", "not supported: nvmlDeviceGetEnforcedPowerLimit"), 0);
	CHECK_INT(row->power_limit_mw, 0);
	CHECK_INT(row->pcie_replays, -1);
	CHECK_INT(row->pcie_width, 16);
}

TEST(no_nvml_is_a_fact_and_no_failure)
{
	if (dlopen("libnvidia-ml.so.1", RTLD_NOW) != NULL)
		test_skip("this machine has NVML");
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);
	nvml_source_start(drain, 0);
	nvml_source_start(drain, 0);
	CHECK_INT(fake_loss(drain, "nvml", "disabled: libnvidia-ml.so.1 is not there"), 0);
	CHECK_INT(row->pcie_width, 0);
}

TEST(an_nvml_without_driver_is_a_fact_and_no_failure)
{
	library_load("");
	setenv("RIG_NODEVICE", "1", 1);
	struct drain *drain = fake_drain_create();
	nvml_source_start(drain, 0);
	CHECK_INT(fake_loss(drain, "nvml", "disabled: NVML does not start: driver not loaded (9)"),
		  0);
}
