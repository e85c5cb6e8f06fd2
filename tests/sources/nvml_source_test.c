/* SPDX-License-Identifier: MIT */
/*
 * Against the rig's libnvidia-ml.so.1: found by its name once it is loaded from where it was built.
 */
#include "libtrace/nvml_sampler.h"
#include "libtrace/nvml_source.h"
#include "tests/sources/fake_drain.h"
#include "tests/unit/harness.h"

#include <dlfcn.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct nvml_pacing nothing_sampled = { .interval_ms = 0 };
static const struct nvml_pacing all_sampled = { .interval_ms = 1, .throughput_ms = 1000 };

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
	nvml_source_start(drain, &nothing_sampled);
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
	nvml_source_start(drain, &nothing_sampled);
	CHECK_INT(later->pcie_width, 4);
}

TEST(what_a_device_does_not_support_is_said_once)
{
	library_load("gpu 0 unsupported=31\ngpu 1 unsupported=31\n");
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);
	row->uuid = "GPU-not-there";
	nvml_source_start(drain, &nothing_sampled);
	CHECK_INT(fake_loss(drain, "nvml", "device 0 not found by NVML"), 0);
	CHECK_INT(row->power_limit_mw, 0);
	row = fake_device_add(drain, 1);
	row->pci_bus_id = "00000000:01:00.0";
	nvml_source_start(drain, &nothing_sampled);
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
	nvml_source_start(drain, &nothing_sampled);
	nvml_source_start(drain, &nothing_sampled);
	CHECK_INT(fake_loss(drain, "nvml", "disabled: libnvidia-ml.so.1 is not there"), 0);
	CHECK_INT(row->pcie_width, 0);
}

TEST(an_nvml_without_driver_is_a_fact_and_no_failure)
{
	library_load("");
	setenv("RIG_NODEVICE", "1", 1);
	struct drain *drain = fake_drain_create();
	nvml_source_start(drain, &nothing_sampled);
	CHECK_INT(fake_loss(drain, "nvml", "disabled: NVML does not start: driver not loaded (9)"),
		  0);
}

/* A process that may do so would make /dev/nvidiactl, with nothing behind it. */
static void right_to_make_devices_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	CHECK(syscall(SYS_capget, &header, sets) == 0);
	sets[0].effective &= ~(UINT32_C(1) << CAP_MKNOD);
	CHECK(syscall(SYS_capset, &header, sets) == 0);
}

/* The folder is that of 'make real-libraries', below the root of the tree, where tests run. */
static void real_library_ask(const char *path)
{
	if (access(path, R_OK) != 0)
		test_skip("'make real-libraries' got no libnvidia-ml.so.1");
	if (access("/proc/driver/nvidia/version", F_OK) == 0)
		test_skip("this machine has a driver");
	right_to_make_devices_drop();
	CHECK(dlopen(path, RTLD_NOW | RTLD_GLOBAL) != NULL);
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);
	nvml_source_start(drain, &all_sampled);
	nvml_source_start(drain, &all_sampled);
	nvml_sampler_take(drain);
	nvml_sampler_finish(drain);
	CHECK_INT(fake_loss(drain, "nvml", "disabled: NVML does not start: driver not loaded (9)"),
		  0);
	CHECK_INT((int64_t)fake_count(drain, TABLE_sample), 0);
	CHECK_INT(row->pcie_width, 0);
	CHECK(row->name == NULL);
}

TEST(the_real_nvml_535_without_driver_is_a_fact_and_no_failure)
{
	real_library_ask("build/real-libraries/driver-535/libnvidia-ml.so.1");
}

TEST(the_real_nvml_550_without_driver_is_a_fact_and_no_failure)
{
	real_library_ask("build/real-libraries/driver-550/libnvidia-ml.so.1");
}

/* Values of a counter: the last one, or -1; `count` may be NULL. */
static int64_t sampled(const struct drain *drain, const char *counter, size_t *count)
{
	int64_t value = -1;
	size_t found = 0;
	for (size_t i = 0; i < fake_count(drain, TABLE_sample); i++) {
		const struct sample_row *row = fake_row(drain, TABLE_sample, i);
		if (strcmp(fake_text(drain, row->counter_id), counter) != 0)
			continue;
		value = row->value;
		found++;
	}
	if (count != NULL)
		*count = found;
	return value;
}

/* A drain whose one device was sampled until a counter had so many values; NULL: until it is lost.
 */
static struct drain *drain_sampled(const char *scenario, const char *counter, size_t wanted)
{
	size_t count = 0;
	library_load(scenario);
	struct drain *drain = fake_drain_create();
	fake_device_add(drain, 0)->pci_bus_id = "00000000:01:00.0";
	nvml_source_start(drain, &all_sampled);
	for (int i = 0; i < 2000 && (counter == NULL || count < wanted); i++) {
		usleep(5000);
		nvml_sampler_take(drain);
		if (counter != NULL)
			(void)sampled(drain, counter, &count);
		else if (fake_loss(drain, "nvml", "device 0: GPU is lost (15)") == 0)
			break;
	}
	nvml_sampler_finish(drain);
	return drain;
}

TEST(power_is_that_of_the_moment_and_an_average_says_so)
{
	struct drain *drain = drain_sampled("gpu 0 power_mw=300000\n", "power_mw", 2);
	CHECK(llabs(sampled(drain, "power_mw", NULL) - 300000) <= 1000);
	CHECK_INT(fake_loss(drain, "nvml", "not supported: nvmlDeviceGetFieldValues"), -1);
}

TEST(where_the_power_of_the_moment_is_not_to_be_had_the_average_stands_in_and_says_so)
{
	struct drain *drain =
		drain_sampled("gpu 0 power_mw=300000 unsupported=32\n", "power_mw", 2);
	CHECK(llabs(sampled(drain, "power_mw", NULL) - 300000) <= 1000);
	CHECK_INT(fake_loss(drain, "nvml", "not supported: nvmlDeviceGetFieldValues"), 0);
	CHECK_INT(fake_loss(drain, "nvml", "power_mw is an average, of about a second on newer "
		  "GPUs: this one does not say its power at once"), 0);
}

TEST(what_may_not_be_asked_is_asked_once_and_said)
{
	struct drain *drain = drain_sampled("gpu 0 forbidden=24\n", "clock_sm_mhz", 3);
	size_t count;
	CHECK_INT(fake_loss(drain, "nvml", "failed: nvmlDeviceGetCurrentClocksEventReasons: "
		  "no permission (4)"), 0);
	CHECK_INT(fake_loss(drain, "nvml", "failed: nvmlDeviceGetPcieReplayCounter: "
		  "no permission (4)"), 0);
	CHECK_INT(sampled(drain, "clock_event_reasons", &count), -1);
	CHECK_INT((int64_t)count, 0);
	CHECK(sampled(drain, "clock_sm_mhz", &count) > 0 && count > 2);
}

TEST(a_lost_gpu_is_said_once_and_not_asked_again)
{
	struct drain *drain = drain_sampled("gpu 0 lost=1\n", NULL, 0);
	CHECK_INT(fake_loss(drain, "nvml", "device 0: GPU is lost (15)"), 0);
	CHECK_INT(fake_loss(drain, "nvml", "failed: nvmlDeviceGetClockInfo: GPU is lost (15)"),
		  -1);
	CHECK_INT((int64_t)fake_count(drain, TABLE_sample), 0);
}

TEST(rounds_that_a_slow_nvml_leaves_out_are_counted)
{
	struct drain *drain = drain_sampled("gpu 0 slow_ms=30\n", "utilization_gpu_percent", 3);
	CHECK(fake_loss(drain, "nvml",
			"rounds left out: NVML takes longer than LAGGARD_NVML_INTERVAL_MS") > 20);
	CHECK_INT(sampled(drain, "utilization_gpu_percent", NULL), 93);
}

TEST(an_instance_of_a_divided_gpu_is_told_that_its_samples_are_the_whole_ones)
{
	library_load("gpu 0 mig=1\n");
	struct drain *drain = fake_drain_create();
	struct device_row *row = fake_device_add(drain, 0);
	row->pci_bus_id = "00000000:01:00.0";
	row->uuid = "MIG-00112233-4455-6677-8899-aabbccddeeff";
	nvml_source_start(drain, &nothing_sampled);
	CHECK_INT(fake_loss(drain, "nvml", "device 0: MIG is on, power, clocks and link are those "
		  "of the whole GPU"), 0);
	CHECK_TEXT(row->uuid, "MIG-00112233-4455-6677-8899-aabbccddeeff");
}
