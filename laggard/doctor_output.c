/* SPDX-License-Identifier: MIT */
/* The folder that traces are written to. */
#include "laggard/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define MIB (INT64_C(1) << 20)

enum { FREE_MIB_PROBLEM = 100, FREE_MIB_NOTE = 5000 };

/* File systems over a network, on which SQLite's journal is slow at best. */
static const struct { unsigned long magic; const char *name; } remote[] = {
	{ NFS_SUPER_MAGIC, "NFS" }, { 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB" },
	{ 0x0BD00BD0, "Lustre" }, { 0x00C36400, "Ceph" }, { 0x47504653, "GPFS" },
	{ 0x19830326, "BeeGFS" }, { FUSE_SUPER_MAGIC, "FUSE" }, { V9FS_MAGIC, "9p" },
};

/* The folder itself, or what of its path is there: it will be made. "%h" and the like are not. */
static void existing_part(char path[PATH_MAX], const char *folder)
{
	struct stat status;
	(void)snprintf(path, PATH_MAX, "%s", folder[0] == 0 ? "." : folder);
	while (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
		char *slash = strrchr(path, '/');
		if (slash == path && path[1] != 0)
			path[1] = 0;
		else if (slash == NULL || slash == path) {
			(void)snprintf(path, PATH_MAX, ".");
			return;
		} else
			*slash = 0;
	}
}

static void kind_check(struct doctor *doctor, const char *path, const struct statfs *system)
{
	unsigned long magic = (unsigned long)system->f_type & 0xffffffffUL;
	for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
		if (remote[i].magic == magic)
			doctor_say(
				doctor, "file-system", DOCTOR_NOTE,
				"record to a local disk (--output) and copy the folder afterwards",
				"'%s' is on %s: writing there is slow, and locks may not hold",
				path, remote[i].name);
}

static void space_check(struct doctor *doctor, const char *path, const struct statfs *system)
{
	int64_t left_mib = (int64_t)system->f_bavail * (int64_t)system->f_bsize / MIB;
	static const char remedy[] = "make room, or record elsewhere (--output)";
	if (left_mib < FREE_MIB_PROBLEM)
		doctor_say(doctor, "space", DOCTOR_PROBLEM, remedy, "'%s' has %" PRId64 " MiB left",
			   path, left_mib);
	else if (left_mib < FREE_MIB_NOTE)
		doctor_say(doctor, "space", DOCTOR_NOTE, remedy,
			   "'%s' has %" PRId64 " MiB left: at 40 bytes an event, %" PRId64
			   " million of them", path, left_mib, left_mib * MIB / 40 / 1000000);
	else
		doctor_say(doctor, "space", DOCTOR_OK, NULL, "'%s' has %" PRId64 " GiB left", path,
			   left_mib / 1024);
}

void doctor_check_output(struct doctor *doctor, const char *folder)
{
	char path[PATH_MAX];
	struct statfs system;
	doctor->group = "Traces";
	if (folder == NULL)
		folder = doctor_variable(doctor->subject, "LAGGARD_OUTPUT");
	existing_part(path, folder == NULL ? "." : folder);
	if (access(path, W_OK | X_OK) != 0) {
		doctor_say(doctor, "folder", DOCTOR_PROBLEM,
			   "name a folder that may be written to: --output, LAGGARD_OUTPUT",
			   "cannot write to '%s': %s", path, strerror(errno));
		return;
	}
	if (statfs(path, &system) != 0)
		return;
	kind_check(doctor, path, &system);
	space_check(doctor, path, &system);
}
