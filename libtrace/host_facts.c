/* SPDX-License-Identifier: MIT */
#include "libtrace/host_facts.h"
#include "libtrace/command_mask.h"
#include "libtrace/mapped_objects.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t environment_number(const char *const *names)
{
	for (; *names != NULL; names++) {
		const char *value = getenv(*names);
		if (value == NULL || !isdigit((unsigned char)*value))
			continue;
		char *end;
		long number = strtol(value, &end, 10);
		if (*end == 0 && number <= INT32_MAX)
			return number;
	}
	return -1;
}

struct ranks ranks_read(void)
{
	static const char *const rank[] = {
		"RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK",
		"SLURM_PROCID", NULL,
	};
	static const char *const world_size[] = {
		"WORLD_SIZE",	       "OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
		"MV2_COMM_WORLD_SIZE", "SLURM_NTASKS",	       NULL,
	};
	static const char *const local_rank[] = {
		"LOCAL_RANK",	   "OMPI_COMM_WORLD_LOCAL_RANK",
		"MPI_LOCALRANKID", "MV2_COMM_WORLD_LOCAL_RANK",
		"SLURM_LOCALID",   NULL,
	};
	int errno_before = errno;
	struct ranks ranks = {
		.rank = environment_number(rank),
		.world_size = environment_number(world_size),
		.local_rank = environment_number(local_rank),
	};
	errno = errno_before;
	return ranks;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

struct clock_triple clock_triple_read(void)
{
	struct clock_triple best = { 0, 0, 0 };
	int64_t best_spread = INT64_MAX;
	/* Of a few tries the one that nobody interrupted. */
	for (int i = 0; i < 5; i++) {
		int64_t before = clock_ns(CLOCK_MONOTONIC);
		int64_t realtime = clock_ns(CLOCK_REALTIME);
		int64_t boottime = clock_ns(CLOCK_BOOTTIME);
		int64_t after = clock_ns(CLOCK_MONOTONIC);
		if (after - before >= best_spread)
			continue;
		best_spread = after - before;
		best = (struct clock_triple){
			.realtime_ns = realtime, .monotonic_ns = before + best_spread / 2,
			.boottime_ns = boottime,
		};
	}
	return best;
}

/* The beginning of a small file; the number of bytes read, 0 on any failure. */
static size_t file_read(const char *path, char *text, size_t size)
{
	text[0] = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	size_t used = 0;
	while (used < size - 1) {
		ssize_t got = read(file, text + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	(void)close(file);
	text[used] = 0;
	return used;
}

static void line_end_cut(char *text)
{
	text[strcspn(text, "\n")] = 0;
}

void host_name_read(char text[HOST_TEXT_MAX])
{
	if (gethostname(text, HOST_TEXT_MAX) != 0 || text[0] == 0)
		(void)snprintf(text, HOST_TEXT_MAX, "localhost");
	text[HOST_TEXT_MAX - 1] = 0;
}

void boot_id_read(char text[HOST_TEXT_MAX])
{
	(void)file_read("/proc/sys/kernel/random/boot_id", text, HOST_TEXT_MAX);
	line_end_cut(text);
}

void command_read(char text[COMMAND_TEXT_MAX])
{
	char arguments[COMMAND_TEXT_MAX];
	size_t length = file_read("/proc/self/cmdline", arguments, sizeof arguments);
	command_mask(text, COMMAND_TEXT_MAX, arguments, length);
}

bool thread_name_read(int64_t thread_id, char text[HOST_TEXT_MAX])
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/self/task/%" PRId64 "/comm", thread_id);
	if (file_read(path, text, HOST_TEXT_MAX) == 0)
		return false;
	line_end_cut(text);
	return text[0] != 0;
}

/*
 * "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  ...": the first word of digits and
 * dots.
 */
void driver_version_find(char text[HOST_TEXT_MAX], const char *line)
{
	text[0] = 0;
	for (const char *at = line; *at != 0 && *at != '\n';) {
		size_t length = strspn(at, "0123456789.");
		if (length >= 5 && memchr(at, '.', length) != NULL &&
		    (at[length] == ' ' || at[length] == 0 || at[length] == '\n')) {
			(void)snprintf(text, HOST_TEXT_MAX, "%.*s", (int)length, at);
			return;
		}
		at += strcspn(at, " \n");
		at += strspn(at, " ");
	}
}

void driver_version_read(char text[HOST_TEXT_MAX])
{
	char file[1024];
	text[0] = 0;
	if (file_read("/proc/driver/nvidia/version", file, sizeof file) > 0)
		driver_version_find(text, file);
}

/* 12040 -> "12.4" */
static void cuda_version_format(char text[HOST_TEXT_MAX], int version)
{
	if (version > 0)
		(void)snprintf(text, HOST_TEXT_MAX, "%d.%d", version / 1000, version % 1000 / 10);
}

/*
 * Asks a function `int f(int *version)` of a mapped library, one that answers without touching the
 * GPU.
 */
static void version_ask(char text[HOST_TEXT_MAX], const char *library, const char *function)
{
	char path[MAPPED_PATH_MAX];
	text[0] = 0;
	if (!mapped_object_find(library, path))
		return;
	void *symbol = mapped_object_symbol(path, function);
	int (*ask)(int *) = NULL;
	memcpy(&ask, &symbol, sizeof ask);
	int version = 0;
	if (ask != NULL && ask(&version) == 0)
		cuda_version_format(text, version);
}

void cuda_driver_version_read(char text[HOST_TEXT_MAX])
{
	version_ask(text, "libcuda.so", "cuDriverGetVersion");
}

void cuda_runtime_version_read(char text[HOST_TEXT_MAX])
{
	version_ask(text, "libcudart.so", "cudaRuntimeGetVersion");
}

void cudnn_version_read(char text[HOST_TEXT_MAX])
{
	char path[MAPPED_PATH_MAX];
	text[0] = 0;
	if (!mapped_object_find("libcudnn.so", path))
		return;
	void *symbol = mapped_object_symbol(path, "cudnnGetVersion");
	size_t (*ask)(void) = NULL;
	memcpy(&ask, &symbol, sizeof ask);
	if (ask == NULL)
		return;
	size_t version = ask();	/* 8902 up to version 8, 90100 from 9 on */
	size_t major = version >= 10000 ? 10000 : 1000;
	(void)snprintf(text, HOST_TEXT_MAX, "%zu.%zu.%zu", version / major, version % major / 100,
		       version % 100);
}

/* torch/lib/libtorch*.so -> torch/version.py: __version__ = '2.4.0+cu121' */
static void torch_version_add(char text[HOST_TEXT_MAX], char path[MAPPED_PATH_MAX])
{
	char file[2048], name[MAPPED_PATH_MAX + 32];
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		return;
	*slash = 0;
	(void)snprintf(name, sizeof name, "%s/../version.py", path);
	if (file_read(name, file, sizeof file) == 0)
		return;
	const char *at = strstr(file, "__version__ = '");
	if (at == NULL)
		return;
	at += strlen("__version__ = '");
	size_t length = strcspn(at, "'\n");
	if (length < 64)
		(void)snprintf(text, HOST_TEXT_MAX, "PyTorch %.*s", (int)length, at);
}

void framework_read(char text[HOST_TEXT_MAX])
{
	static const struct { const char *library, *name; } frameworks[] = {
		{ "libtorch_cuda.so", "PyTorch" }, { "libtorch_cpu.so", "PyTorch" },
		{ "libtorch.so", "PyTorch" }, { "libtensorflow_framework.so", "TensorFlow" },
		{ "libtensorflow_cc.so", "TensorFlow" }, { "xla_extension.so", "JAX" },
		{ "libjax_common.so", "JAX" }, { "libpaddle.so", "PaddlePaddle" },
		{ "libmxnet.so", "MXNet" },
	};
	text[0] = 0;
	for (size_t i = 0; i < sizeof frameworks / sizeof frameworks[0]; i++) {
		char path[MAPPED_PATH_MAX];
		if (!mapped_object_find(frameworks[i].library, path))
			continue;
		(void)snprintf(text, HOST_TEXT_MAX, "%s", frameworks[i].name);
		if (strcmp(frameworks[i].name, "PyTorch") == 0)
			torch_version_add(text, path);
		return;
	}
}
