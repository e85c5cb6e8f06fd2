/* SPDX-License-Identifier: MIT */
/* NCCL: where it is, its version, and which profiler interface it speaks; read, not loaded. */
#include "laggard/doctor.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION_BYTES = 32, PROFILER_OLDEST = 1, PROFILER_NEWEST = 7 };

static const char *const folders[] = {
	"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
	"/usr/local/lib", "/usr/local/cuda/lib64",
};

struct nccl_strings {
	char version[VERSION_BYTES];	/* "2.21.5", "" if none was met */
	int profiler;			/* the highest "ncclProfiler_vN", 0: none */
};

/* "NCCL version 2.21.5+cuda12.4": digits and dots. */
static void version_take(struct nccl_strings *strings, const char *at, const char *end)
{
	size_t length = 0;
	while (at + length < end && length + 1 < VERSION_BYTES &&
	       (isdigit((unsigned char)at[length]) || at[length] == '.'))
		length++;
	if (length < 5 || !isdigit((unsigned char)at[0]) || strings->version[0] != 0)
		return;
	memcpy(strings->version, at, length);
	strings->version[length] = 0;
}

static void strings_scan(struct nccl_strings *strings, const char *bytes, size_t size)
{
	static const char version[] = "NCCL version ", profiler[] = "ncclProfiler_v";
	const char *end = bytes + size, *at = bytes;
	while ((at = memmem(at, (size_t)(end - at), version, sizeof version - 1)) != NULL) {
		at += sizeof version - 1;
		version_take(strings, at, end);
	}
	at = bytes;
	while ((at = memmem(at, (size_t)(end - at), profiler, sizeof profiler - 1)) != NULL) {
		at += sizeof profiler - 1;
		if (at < end && isdigit((unsigned char)*at) && *at - '0' > strings->profiler)
			strings->profiler = *at - '0';
	}
}

static bool strings_read(struct nccl_strings *strings, const char *path)
{
	struct stat status;
	*strings = (struct nccl_strings){ .version = "" };
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	void *bytes = MAP_FAILED;
	if (fstat(file, &status) == 0 && status.st_size > 0)
		bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	(void)close(file);
	if (bytes == MAP_FAILED)
		return false;
	strings_scan(strings, bytes, (size_t)status.st_size);
	(void)munmap(bytes, (size_t)status.st_size);
	return true;
}

static bool path_try(char path[PATH_MAX], const char *root, const char *folder, size_t length)
{
	int used = snprintf(path, PATH_MAX, "%s%.*s/libnccl.so.2", root, (int)length, folder);
	return length > 0 && used > 0 && used < PATH_MAX && access(path, R_OK) == 0;
}

/* Mapped or packaged, in LD_LIBRARY_PATH, or where the system keeps libraries. */
static bool nccl_find(const struct doctor_subject *subject, char path[PATH_MAX])
{
	const char *found = doctor_object_next(subject, NULL, "libnccl.so");
	const char *list = doctor_variable(subject, "LD_LIBRARY_PATH");
	if (found != NULL) {
		(void)snprintf(path, PATH_MAX, "%s", found);
		return true;
	}
	while (list != NULL && *list != 0) {
		size_t length = strcspn(list, ":");
		if (path_try(path, "", list, length))
			return true;
		list += length + (list[length] == ':');
	}
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (path_try(path, subject->root, folders[i], strlen(folders[i])))
			return true;
	return false;
}

static void profiler_say(struct doctor *doctor, int profiler)
{
	if (profiler >= PROFILER_OLDEST)
		doctor_say(doctor, "nccl-profiler", DOCTOR_OK, NULL,
			   "its profiler interface: v%d; libtrace speaks v%d to v%d, and NCCL "
			   "takes the "
			   "newest that both know",
			   profiler, PROFILER_OLDEST, PROFILER_NEWEST);
	else
		doctor_say(
			doctor, "nccl-profiler", DOCTOR_NOTE,
			"NCCL 2.23 or later says algorithm, protocol and channels, too",
			"it has no profiler interface that libtrace speaks: collectives come from "
			"its NVTX ranges");
}

void doctor_check_nccl(struct doctor *doctor)
{
	char path[PATH_MAX];
	struct nccl_strings strings;
	doctor->group = "NCCL";
	if (!nccl_find(doctor->subject, path)) {
		doctor_say(doctor, "nccl", DOCTOR_NOTE,
			   doctor->subject->pid >= 0 ? NULL :
			   "ask for a running training: laggard doctor PID",
			   "no libnccl.so.2 found; a framework may carry its own inside");
		return;
	}
	if (!strings_read(&strings, path)) {
		doctor_say(doctor, "nccl", DOCTOR_NOTE, NULL, "%s cannot be read", path);
		return;
	}
	doctor_say(doctor, "nccl", DOCTOR_OK, NULL, "%s, version %s", path,
		   strings.version[0] == 0 ? "unknown" : strings.version);
	profiler_say(doctor, strings.profiler);
}
