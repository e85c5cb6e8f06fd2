/* SPDX-License-Identifier: MIT */
/* libcupti: found by the very search that libtrace makes, and whether it fits the driver. */
#include "laggard/doctor.h"
#include "libtrace/cupti_library.h"
#include "libtrace/cupti_search.h"

#include <stdio.h>
#include <string.h>

/* What cuptiGetVersion says up to 12.9; later versions say it plainly: 130001. */
static const struct { uint32_t version; int cuda; } versions[] = {
	{ 14, 11000 }, { 17, 11060 }, { 18, 11080 }, { 19, 12000 }, { 20, 12020 }, { 21, 12030 },
	{ 22, 12040 }, { 23, 12050 }, { 24, 12060 }, { 26, 12080 }, { 27, 12090 }, { 28, 12090 },
};

/* 12040; 0 if unknown. */
static int cuda_of(uint32_t version)
{
	int cuda = 0;
	if (version >= 100000)
		return (int)(version / 10000 * 1000 + version % 10000 / 100 * 10);
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		if (versions[i].version <= version)
			cuda = versions[i].cuda;
	return cuda;
}

static bool object_find(const void *context, const char *prefix, char path[MAPPED_PATH_MAX])
{
	const struct doctor *doctor = context;
	const char *found = doctor_object_next(doctor->subject, NULL, prefix);
	if (found == NULL || strlen(found) >= MAPPED_PATH_MAX)
		return false;
	(void)snprintf(path, MAPPED_PATH_MAX, "%s", found);
	return true;
}

static const char *variable_get(const void *context, const char *name)
{
	const struct doctor *doctor = context;
	return doctor_variable(doctor->subject, name);
}

static void fit_say(struct doctor *doctor, int cuda)
{
	int driver = doctor->cuda_version;
	if (cuda == 0 || driver == 0)
		return;
	if (cuda / 1000 > driver / 1000)
		doctor_say(
			doctor, "cupti-driver", DOCTOR_PROBLEM,
			"a newer driver, or the CUPTI of the CUDA that the framework was built for",
			"CUPTI of CUDA %d.%d is newer than the driver, which knows CUDA %d.%d: it "
			"will not start",
			cuda / 1000, cuda % 1000 / 10, driver / 1000, driver % 1000 / 10);
	else if (cuda > driver)
		doctor_say(doctor, "cupti-driver", DOCTOR_NOTE,
			   "if nothing is recorded: a newer driver, or an older CUPTI in "
			   "LAGGARD_CUPTI",
			   "CUPTI of CUDA %d.%d is newer than the driver, which knows CUDA %d.%d",
			   cuda / 1000, cuda % 1000 / 10, driver / 1000, driver % 1000 / 10);
	else
		doctor_say(doctor, "cupti-driver", DOCTOR_OK, NULL, "it fits the driver");
}

/* Two of them in one process are two clients of one hook. */
static void copies_check(struct doctor *doctor)
{
	const char *first = doctor_object_next(doctor->subject, NULL, "libcupti.so");
	const char *other = first;
	while (other != NULL && strcmp(other, first) == 0)
		other = doctor_object_next(doctor->subject, other, "libcupti.so");
	if (doctor->subject->pid >= 0 && other != NULL)
		doctor_say(doctor, "cupti-copies", DOCTOR_PROBLEM,
			   "leave one of them: only one gets what the driver says",
			   "the process has two of them: %s and %s", first, other);
}

void doctor_check_cupti(struct doctor *doctor)
{
	/* Large: it stays in the address space as the library does. */
	static struct cupti_library library;
	const struct cupti_surroundings surroundings = { object_find, variable_get, doctor };
	const char *wanted = doctor_variable(doctor->subject, "LAGGARD_CUPTI");
	struct error error = { 0 };
	doctor->group = "CUPTI";
	if (!cupti_library_open_near(&library, wanted == NULL ? "" : wanted, &surroundings,
				     &error)) {
		doctor_say(
			doctor, "cupti", DOCTOR_PROBLEM,
			"pip install nvidia-cuda-cupti-cu12 (or -cu13) into the environment of the "
			"training, or the CUDA toolkit; or set LAGGARD_CUPTI",
			"%s", error.message);
		return;
	}
	int cuda = cuda_of(library.version);
	if (cuda == 0)
		doctor_say(doctor, "cupti", DOCTOR_NOTE, NULL, "%s, version %u, which is not known",
			   library.path, library.version);
	else
		doctor_say(doctor, "cupti", DOCTOR_OK, NULL, "%s, of CUDA %d.%d (version %u)",
			   library.path, cuda / 1000, cuda % 1000 / 10, library.version);
	fit_say(doctor, cuda);
	copies_check(doctor);
}
