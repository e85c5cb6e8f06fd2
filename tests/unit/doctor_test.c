/* SPDX-License-Identifier: MIT */
/* Checks of the doctor over a made-up root folder and environment: no machine has a say in it. */
#include "laggard/doctor.h"

#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct error error;
static struct doctor doctor;
static struct doctor_subject subject;

/* A file below the root, its folders made on the way. */
static void file_put(const char *path, const char *text)
{
	char full[4096];
	(void)snprintf(full, sizeof full, "%s%s", test_path("root"), path);
	for (char *at = full + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = 0;
		(void)mkdir(full, 0700);
		*at = '/';
	}
	FILE *file = fopen(full, "w");
	CHECK(file != NULL);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void begin(const char *const *environment)
{
	static char root[4096];
	file_put("/proc/version", "Linux version 6.8.0\n");
	(void)snprintf(root, sizeof root, "%s", test_path("root"));
	CHECK_OK(doctor_subject_begin(&subject, root, environment, &error), error);
	doctor = (struct doctor){ .arena = arena_create(1 << 20), .subject = &subject };
}

/* What was said under an id the first time; NULL: nothing. */
static const struct doctor_check *said(const char *id)
{
	for (size_t i = 0; i < doctor.count; i++)
		if (strcmp(doctor.checks[i].id, id) == 0)
			return &doctor.checks[i];
	return NULL;
}

static void check_said(const char *id, enum doctor_level level, const char *part)
{
	const struct doctor_check *check = said(id);
	if (check == NULL)
		test_fail(__FILE__, __LINE__, "nothing was said about '%s'", id);
	CHECK_INT(check->level, level);
	if (strstr(check->said, part) == NULL)
		test_fail(__FILE__, __LINE__, "'%s' has no '%s'", check->said, part);
	CHECK(level == DOCTOR_OK || check->remedy != NULL);
}

static const char *const nothing_set[] = { NULL };

TEST(a_quiet_environment_has_no_tools_and_default_settings)
{
	begin(nothing_set);
	doctor_check_tools(&doctor);
	doctor_check_settings(&doctor);
	CHECK_INT((int64_t)doctor.count, 2);
	check_said("tools", DOCTOR_OK, "none");
	check_said("setting", DOCTOR_OK, "all by default");
}

TEST(tools_that_hold_a_hook_are_named)
{
	const char *const environment[] = {
		"CUDA_INJECTION64_PATH=/opt/nsight/libToolsInjection64.so",
		"NVTX_INJECTION64_PATH=/x/libtrace.so",
		"NCCL_PROFILER_PLUGIN=other",
		"LD_PRELOAD=/x/libtrace.so:/y/libjemalloc.so",
		"LD_LIBRARY_PATH=/c/lib64/stubs",
		"NSYS_PROFILING_SESSION_ID=1",
		"KINETO_USE_DAEMON=0",
		"CUDA_LAUNCH_BLOCKING=1",
		NULL,
	};
	begin(environment);
	doctor_check_tools(&doctor);
	check_said("hook", DOCTOR_PROBLEM, "CUDA_INJECTION64_PATH=/opt/nsight/");
	check_said("preload", DOCTOR_NOTE, "/y/libjemalloc.so");
	check_said("stubs", DOCTOR_PROBLEM, "stubs folder");
	check_said("environment", DOCTOR_NOTE, "NSYS_PROFILING_SESSION_ID: Nsight Systems");
	CHECK_INT((int64_t)doctor.count, 6);	/* two hooks, two signs, a preload, stubs */
}

TEST(wrong_and_misspelt_settings_are_problems)
{
	const char *const environment[] = { "LAGGARD_API=some", "LAGGARD_FLUSHMS=20",
				      "LAGGARD_COMMIT_MS=100", "LAGGARD_LIBTRACE=/x/libtrace.so",
				      "LAGGARD=1", NULL };
	begin(environment);
	doctor_check_settings(&doctor);
	CHECK_INT((int64_t)doctor.count, 3);
	CHECK_INT((int64_t)doctor_count(&doctor, DOCTOR_PROBLEM), 2);
	CHECK(strstr(doctor.checks[0].said, "all, launches or off, not 'some'") != NULL);
	CHECK(strstr(doctor.checks[1].said, "is it LAGGARD_FLUSH_MS?") != NULL);
	CHECK_TEXT(doctor.checks[2].said, "LAGGARD_COMMIT_MS=100");
}

TEST(a_container_with_few_cores_on_wsl_is_seen)
{
	begin(nothing_set);
	file_put("/proc/version", "Linux version 5.15.153-microsoft-standard-WSL2\n");
	file_put("/.dockerenv", "");
	file_put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
	doctor.gpu_count = 2;
	doctor_check_system(&doctor);
	check_said("wsl", DOCTOR_NOTE, "WSL");
	check_said("container", DOCTOR_OK, "container");
	check_said("cores", DOCTOR_PROBLEM, "1 cores for 2 GPUs");
	check_said("shared-memory", DOCTOR_PROBLEM, "no /dev/shm");
	CHECK(said("numa") == NULL && said("iommu") == NULL);
}

TEST(a_quota_of_older_cgroups_counts_too)
{
	begin(nothing_set);
	file_put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
	file_put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	doctor.gpu_count = 1;
	doctor_check_system(&doctor);
	check_said("cores", DOCTOR_NOTE, "1 cores for 1 GPUs");
}

TEST(sockets_and_iommu_of_the_gpus_are_told)
{
	begin(nothing_set);
	file_put("/sys/devices/system/node/node0/x", "");
	file_put("/sys/devices/system/node/node1/x", "");
	file_put("/sys/bus/pci/devices/0000:01:00.0/numa_node", "0\n");
	file_put("/sys/bus/pci/devices/0000:41:00.0/numa_node", "1\n");
	file_put("/sys/class/iommu/dmar0/x", "");
	file_put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz intel_iommu=on\n");
	doctor.gpu_count = 2;
	(void)snprintf(doctor.pci_ids[0], sizeof doctor.pci_ids[0], "0000:01:00.0");
	(void)snprintf(doctor.pci_ids[1], sizeof doctor.pci_ids[1], "0000:41:00.0");
	doctor_check_system(&doctor);
	check_said("numa", DOCTOR_OK, "2 NUMA nodes: GPU 0 on 0, GPU 1 on 1");
	check_said("iommu", DOCTOR_NOTE, "IOMMU");
	file_put("/proc/cmdline", "intel_iommu=on iommu=pt\n");
	doctor.count = 0;
	doctor_check_system(&doctor);
	CHECK(said("iommu") == NULL);
}

TEST(nccl_is_found_where_wheels_put_it_and_read_for_its_versions)
{
	static char home[4096];
	const char *const environment[] = { home, NULL };
	(void)snprintf(home, sizeof home, "VIRTUAL_ENV=/venv");
	file_put("/venv/lib/python3.11/site-packages/nvidia/nccl/lib/libnccl.so.2",
		 "..NCCL version %d..NCCL version "
		 "2.27.3+cuda12.4..ncclProfiler_v2.ncclProfiler_v4..");
	begin(environment);
	doctor_check_nccl(&doctor);
	check_said("nccl", DOCTOR_OK, "libnccl.so.2, version 2.27.3");
	check_said("nccl-profiler", DOCTOR_OK, "v4");
	file_put("/venv/lib/python3.11/site-packages/nvidia/nccl/lib/libnccl.so.2",
		 "NCCL version 2.");
	doctor.count = 0;
	doctor_check_nccl(&doctor);
	check_said("nccl", DOCTOR_OK, "version unknown");
	check_said("nccl-profiler", DOCTOR_NOTE, "NVTX");
}

TEST(a_process_is_looked_at_by_its_maps_and_environment)
{
	begin(nothing_set);
	doctor_subject_end(&subject);
	file_put("/proc/42/environ", "");
	file_put("/proc/42/maps",
		 "7f00-7f01 r-xp 00000000 08:01 1    /a/libcupti.so.12\n"
		 "7f01-7f02 rw-p 00000000 08:01 1    /a/libcupti.so.12\n"
		 "7f02-7f03 rw-p 00000000 00:00 0    [heap]\n"
		 "7f03-7f04 r-xp 00000000 08:01 2    /usr/bin/python3\n"
		 "7f04-7f05 r-xp 00000000 08:01 3    /x/libtrace.so\n"
		 "7f05-7f06 r-xp 00000000 08:01 4    /nsys/libToolsInjection64.so\n");
	CHECK_OK(doctor_subject_of_process(&subject, test_path("root"), 42, &error), error);
	CHECK_TEXT(doctor_object_next(&subject, NULL, "libcupti"), "/a/libcupti.so.12");
	CHECK(doctor_object_next(&subject, doctor_object_next(&subject, NULL, "libcupti"),
				 "libcupti") == NULL);
	CHECK(doctor_variable(&subject, "PATH") == NULL);
	doctor_check_tools(&doctor);
	check_said("recorded", DOCTOR_OK, "/x/libtrace.so");
	check_said("other-tool", DOCTOR_PROBLEM, "Nsight Systems");
	check_said("recorded", DOCTOR_OK, "once it uses CUDA");
	doctor_subject_end(&subject);
	CHECK(!doctor_subject_of_process(&subject, test_path("root"), 43, &error));
	CHECK_INT(error.kind, ERROR_INPUT);
}

TEST(a_folder_that_is_made_later_counts_as_the_one_it_is_made_in)
{
	char folder[4096];
	begin(nothing_set);
	(void)snprintf(folder, sizeof folder, "%s/not/yet/%%h", test_path("root"));
	doctor_check_output(&doctor, folder);
	CHECK(said("space") != NULL && said("folder") == NULL);
	CHECK(strstr(said("space")->said, "/root'") != NULL);
}

TEST(what_others_wrote_cannot_steer_a_terminal)
{
	const char *const environment[] = { "NCCL_PROFILER_PLUGIN=\033[2J\"x", NULL };
	struct text out;
	begin(environment);
	doctor_check_tools(&doctor);
	text_begin(&out, 1 << 16);
	doctor_add_text(&out, &doctor);
	CHECK(strchr(text_string(&out), '\033') == NULL);
	CHECK(strstr(text_string(&out), "0 problems, 1 note\n") != NULL);
	text_clear(&out);
	doctor_add_json(&out, &doctor);
	CHECK(strstr(text_string(&out), "\\u001b[2J\\\"x") != NULL);
	text_end(&out);
}

TEST(checks_beyond_the_room_are_counted)
{
	begin(nothing_set);
	for (int i = 0; i < DOCTOR_CHECKS_MAX + 3; i++)
		doctor_say(&doctor, "x", DOCTOR_OK, NULL, "%d", i);
	CHECK_INT((int64_t)doctor.count, DOCTOR_CHECKS_MAX);
	CHECK_INT((int64_t)doctor.dropped, 3);
}
