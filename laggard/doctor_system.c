/* SPDX-License-Identifier: MIT */
/* The host: container, cores, shared memory, sockets, what the PCIe bridges do. */
#include "laggard/doctor.h"
#include "libtrace/host_state.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (INT64_C(1) << 20)

enum { CORES_A_GPU = 4, TEXT_BYTES = 4096, CPUS_MAX = 8192 };

/* Docker gives 64 MiB where nothing else is said; NCCL takes about 10 MiB a pair of ranks. */
static const int64_t shm_bytes_min = 1024 * MIB;
static const int64_t locked_bytes_min = 1024 * MIB;

static bool is_container(const struct doctor_subject *subject)
{
	char text[TEXT_BYTES];
	if (doctor_file_exists(subject, "/.dockerenv") ||
	    doctor_file_exists(subject, "/run/.containerenv"))
		return true;
	return doctor_file_read(subject, "/proc/1/cgroup", text, sizeof text) > 0 &&
	       (strstr(text, "docker") != NULL || strstr(text, "kubepods") != NULL ||
		strstr(text, "containerd") != NULL || strstr(text, "lxc") != NULL);
}

static void place_check(struct doctor *doctor)
{
	char text[TEXT_BYTES];
	if (doctor_file_read(doctor->subject, "/proc/version", text, sizeof text) > 0 &&
	    (strstr(text, "microsoft") != NULL || strstr(text, "Microsoft") != NULL))
		doctor_say(
			doctor, "wsl", DOCTOR_NOTE,
			"for figures to rely on, record on Linux itself",
			"this is WSL: no peer access, NVML says less, the system's clock may jump "
			"against the GPU's");
	if (is_container(doctor->subject))
		doctor_say(doctor, "container", DOCTOR_OK, NULL, "this is a container");
}

/* Cores by the cgroup's quota, in hundredths; -1: no limit. */
static int64_t quota_percent(const struct doctor_subject *subject)
{
	char text[256];
	long long quota, period;
	if (doctor_file_read(subject, "/sys/fs/cgroup/cpu.max", text, sizeof text) > 0)
		return sscanf(text, "%lld %lld", &quota, &period) == 2 && period > 0 ?
			quota * 100 / period : -1;
	if (doctor_file_read(subject, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text,
			     sizeof text) <= 0 || sscanf(text, "%lld", &quota) != 1 || quota <= 0)
		return -1;
	if (doctor_file_read(subject, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", text,
			     sizeof text) <= 0 || sscanf(text, "%lld", &period) != 1 || period <= 0)
		return -1;
	return quota * 100 / period;
}

static int64_t cores_allowed(void)
{
	cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
	size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
	int count = 0;
	if (set != NULL && sched_getaffinity(0, size, set) == 0)
		count = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return count > 0 ? count : (int64_t)sysconf(_SC_NPROCESSORS_ONLN);
}

static void cores_check(struct doctor *doctor)
{
	int64_t cores = cores_allowed(), gpus = (int64_t)doctor->gpu_count;
	int64_t quota = quota_percent(doctor->subject);
	if (quota >= 0 && quota / 100 < cores)
		cores = quota / 100;
	static const char remedy[] = "each rank has a launching thread, one for backward, NCCL's, "
				     "and data loading: raise "
				     "the limit of container or job, or use fewer workers";
	if (cores < gpus)
		doctor_say(doctor, "cores", DOCTOR_PROBLEM, remedy,
			   "%" PRId64 " cores for %" PRId64
			   " GPUs: launching threads wait for each "
			   "other",
			   cores, gpus);
	else if (gpus > 0 && cores < CORES_A_GPU * gpus)
		doctor_say(doctor, "cores", DOCTOR_NOTE, remedy,
			   "%" PRId64 " cores for %" PRId64 " GPUs are few", cores, gpus);
	else
		doctor_say(doctor, "cores", DOCTOR_OK, NULL, "%" PRId64 " cores may be used",
			   cores);
}

static void shm_check(struct doctor *doctor)
{
	char path[PATH_MAX];
	struct statvfs system;
	static const char remedy[] = "docker run --shm-size=8g or --ipc=host; in Kubernetes an "
				     "emptyDir of medium Memory at "
				     "/dev/shm: NCCL and DataLoader workers exchange data there";
	(void)snprintf(path, sizeof path, "%s/dev/shm", doctor->subject->root);
	if (statvfs(path, &system) != 0) {
		doctor_say(doctor, "shared-memory", DOCTOR_PROBLEM, remedy, "no /dev/shm");
		return;
	}
	int64_t bytes = (int64_t)system.f_blocks * (int64_t)system.f_frsize;
	int64_t left = (int64_t)system.f_bavail * (int64_t)system.f_frsize;
	if (bytes <= 64 * MIB && doctor->gpu_count > 1)
		doctor_say(doctor, "shared-memory", DOCTOR_PROBLEM, remedy,
			   "/dev/shm has %" PRId64 " MiB: too little for NCCL between %zu GPUs",
			   bytes / MIB, doctor->gpu_count);
	else if (bytes < shm_bytes_min || left < bytes / 10)
		doctor_say(doctor, "shared-memory", DOCTOR_NOTE, remedy,
			   "/dev/shm has %" PRId64 " MiB, %" PRId64 " of them free", bytes / MIB,
			   left / MIB);
	else
		doctor_say(doctor, "shared-memory", DOCTOR_OK, NULL, "/dev/shm has %" PRId64 " MiB",
			   bytes / MIB);
}

/* Locked memory limits InfiniBand's buffers; CUDA's pinned memory does not count. */
static void locked_check(struct doctor *doctor)
{
	struct rlimit limit;
	if (!doctor_file_exists(doctor->subject, "/sys/class/infiniband") ||
	    getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
	    (int64_t)limit.rlim_cur >= locked_bytes_min)
		return;
	doctor_say(doctor, "locked-memory", DOCTOR_PROBLEM,
		   "ulimit -l unlimited; in a container --ulimit memlock=-1",
		   "only %" PRId64 " KiB may be locked (ulimit -l): too little for NCCL over "
		   "InfiniBand", (int64_t)limit.rlim_cur / 1024);
}

static size_t entries_count(const struct doctor_subject *subject, const char *folder,
			    const char *prefix)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s%s", subject->root, folder);
	DIR *entries = opendir(path);
	size_t count = 0;
	if (entries == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
		count += entry->d_name[0] != '.' &&
			 strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(entries);
	return count;
}

static void sockets_check(struct doctor *doctor)
{
	char path[PATH_MAX], text[64];
	struct text list;
	size_t nodes = entries_count(doctor->subject, "/sys/devices/system/node", "node");
	bool is_unknown = false;
	if (nodes < 2 || doctor->gpu_count == 0)
		return;
	text_begin(&list, 1 << 16);
	for (size_t gpu = 0; gpu < doctor->gpu_count; gpu++) {
		(void)snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/numa_node",
			       doctor->pci_ids[gpu]);
		long node = doctor_file_read(doctor->subject, path, text, sizeof text) > 0 ?
			strtol(text, NULL, 10) : -1;
		is_unknown = is_unknown || node < 0;
		text_add_format(&list, "%sGPU %zu on ", gpu == 0 ? "" : ", ", gpu);
		if (node < 0)
			text_add(&list, "an unknown one");
		else
			text_add_format(&list, "%ld", node);
	}
	doctor_say(doctor, "numa", is_unknown ? DOCTOR_NOTE : DOCTOR_OK,
		   "bind each rank to its GPU's node: numactl --cpunodebind=N --membind=N, or "
		   "torchrun's --numa-binding=node", "%zu NUMA nodes: %s", nodes,
		   text_string(&list));
	text_end(&list);
}

static void iommu_check(struct doctor *doctor)
{
	char text[TEXT_BYTES];
	size_t units = entries_count(doctor->subject, "/sys/class/iommu", "");
	(void)doctor_file_read(doctor->subject, "/proc/cmdline", text, sizeof text);
	if (units == 0 || doctor->gpu_count < 2 || strstr(text, "iommu=pt") != NULL)
		return;
	doctor_say(
		doctor, "iommu", DOCTOR_NOTE,
		"outside of virtual machines: iommu=pt on the kernel's command line, or off in the "
		"BIOS, if peer access hangs or is slow; the same for ACS",
		"the IOMMU may translate what GPUs send each other");
}

static void samples_check(struct doctor *doctor)
{
	struct host_thread_files files;
	struct host_state state;
	unsigned refused = 0;
	if (!host_files_open(&files, (int64_t)syscall(SYS_gettid))) {
		doctor_say(doctor, "host-samples", DOCTOR_NOTE, "mount /proc",
			   "/proc does not tell what threads do: host_sample stays empty");
		return;
	}
	bool has_times = host_state_read(&state, &files, &refused) && state.run_delay_ns >= 0;
	host_files_close(&files);
	if (!has_times)
		doctor_say(doctor, "host-samples", DOCTOR_NOTE,
			   "a kernel with CONFIG_SCHEDSTATS or CONFIG_SCHED_INFO",
			   "the kernel does not say how long threads wait for a CPU");
}

void doctor_check_system(struct doctor *doctor)
{
	doctor->group = "Host";
	place_check(doctor);
	cores_check(doctor);
	shm_check(doctor);
	locked_check(doctor);
	sockets_check(doctor);
	iommu_check(doctor);
	samples_check(doctor);
}
