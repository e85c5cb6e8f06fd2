/* SPDX-License-Identifier: MIT */
/* Other tools that want the same hooks, and settings of libtrace that are wrong. */
#include "base/options.h"
#include "laggard/doctor.h"
#include "libtrace/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 128 };

/* Variables that hand a hook to somebody; libtrace takes it only where nobody has it. */
static const struct {
	const char *name;
	enum doctor_level level;
	const char *loses;
} hooks[] = {
	{ "CUDA_INJECTION64_PATH", DOCTOR_PROBLEM, "the driver calls that one and not libtrace: "
	  "nothing is recorded" },
	{ "NVTX_INJECTION64_PATH", DOCTOR_NOTE, "ranges go there: none are recorded" },
	{ "NCCL_PROFILER_PLUGIN", DOCTOR_NOTE, "NCCL tells that one: collectives come from NVTX "
	  "only" },
};

/* Variables by which other tools and slow settings are known; `value` NULL: any. */
static const struct { const char *prefix, *value, *said, *remedy; } signs[] = {
	{ "NSYS_", NULL, "Nsight Systems is around this program: CUPTI serves one of us",
	  "record with one tool at a time" },
	{ "QUADD_", NULL, "Nsight Systems is around this program: CUPTI serves one of us",
	  "record with one tool at a time" },
	{ "NV_NSIGHT_INJECTION_", NULL, "Nsight Compute is around this program",
	  "record with one tool at a time" },
	{ "NV_COMPUTE_SANITIZER_", NULL, "compute-sanitizer is around this program",
	  "record with one tool at a time" },
	{ "KINETO_USE_DAEMON=", "1", "PyTorch's profiler takes orders from a daemon: while it runs "
	  "it takes CUPTI's buffers", "unset it while recording" },
	{ "CUDA_LAUNCH_BLOCKING=", "1", "every launch waits for its kernel: the trace shows that, "
	  "and no training as it is", "unset it" },
	{ "NCCL_P2P_DISABLE=", "1", "NCCL does without peer access", "unset it unless it is there "
	  "for a reason" },
	{ "NCCL_SHM_DISABLE=", "1", "NCCL goes through the network, even within this host",
	  "unset it unless it is there for a reason" },
	{ "LAGGARD_ENABLED=", "off", "recording is switched off", "unset it" },
};

static bool is_libtrace(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash == NULL ? path : slash + 1, "libtrace.so") == 0;
}

static void hooks_check(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof hooks / sizeof hooks[0]; i++) {
		const char *value = doctor_variable(doctor->subject, hooks[i].name);
		if (value == NULL || value[0] == 0 || is_libtrace(value))
			continue;
		doctor_say(doctor, "hook", hooks[i].level,
			   "unset it for the recording, unless that tool is wanted", "%s=%s: %s",
			   hooks[i].name, value, hooks[i].loses);
	}
}

static void signs_check(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
		const char *found =
			doctor_variable_next(doctor->subject, NULL, signs[i].prefix);
		if (found == NULL)
			continue;
		size_t name = strcspn(found, "=");
		if (signs[i].value != NULL && strcmp(found + name + 1, signs[i].value) != 0)
			continue;
		doctor_say(doctor, "environment", DOCTOR_NOTE, signs[i].remedy, "%.*s: %s",
			   (int)name, found, signs[i].said);
	}
}

static void preload_check(struct doctor *doctor)
{
	const char *list = doctor_variable(doctor->subject, "LD_PRELOAD");
	while (list != NULL && *list != 0) {
		char path[1024];
		size_t length = strcspn(list, ": ");
		(void)snprintf(path, sizeof path, "%.*s", (int)length, list);
		if (length > 0 && !is_libtrace(path))
			doctor_say(doctor, "preload", DOCTOR_NOTE,
				   "if the program misbehaves under laggard, try without it",
				   "LD_PRELOAD brings %s, too", path);
		list += length + (list[length] != 0);
	}
}

static void stubs_check(struct doctor *doctor)
{
	const char *list = doctor_variable(doctor->subject, "LD_LIBRARY_PATH");
	if (list != NULL && strstr(list, "/stubs") != NULL)
		doctor_say(
			doctor, "stubs", DOCTOR_PROBLEM,
			"take the folder out: it is for linking only",
			"LD_LIBRARY_PATH has CUDA's stubs folder, from which CUPTI takes a libcuda "
			"that does nothing");
}

/* In a running process: is it recorded, and by whom else? */
static void process_check(struct doctor *doctor)
{
	static const struct { const char *prefix, *name; } others[] = {
		{ "libToolsInjection", "Nsight Systems" },
		{ "libcuda-injection", "Nsight Compute" },
		{ "libsanitizer-collection", "compute-sanitizer" },
	};
	const char *ours = doctor_object_next(doctor->subject, NULL, "libtrace.so");
	if (doctor->subject->pid < 0)
		return;
	if (ours != NULL &&
	    doctor_object_next(doctor->subject, NULL, "libtrace-capture.so") == NULL)
		doctor_say(
			doctor, "recorded", DOCTOR_OK, NULL,
			"the process has %s, and will be recorded once it uses CUDA, NVTX or NCCL",
			ours);
	else if (ours != NULL)
		doctor_say(doctor, "recorded", DOCTOR_OK, NULL, "the process is recorded by %s",
			   ours);
	else
		doctor_say(doctor, "recorded", DOCTOR_NOTE,
			   "start it by laggard run: a running one cannot be recorded",
			   "the process is not recorded by laggard");
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (doctor_object_next(doctor->subject, NULL, others[i].prefix) != NULL)
			doctor_say(doctor, "other-tool", DOCTOR_PROBLEM,
				   "record with one tool at a time",
				   "%s is loaded in the process: CUPTI serves one of us",
				   others[i].name);
}

void doctor_check_tools(struct doctor *doctor)
{
	size_t before = doctor->count;
	doctor->group = "Other tools";
	process_check(doctor);
	hooks_check(doctor);
	signs_check(doctor);
	preload_check(doctor);
	stubs_check(doctor);
	if (doctor->count == before)
		doctor_say(doctor, "tools", DOCTOR_OK, NULL, "none that is in the way");
}

static const struct setting *setting_find(const char *variable, size_t length)
{
	for (size_t i = 0; i < settings_count; i++)
		if (strlen(settings_table[i].variable) == length &&
		    memcmp(settings_table[i].variable, variable, length) == 0)
			return &settings_table[i];
	return NULL;
}

static const char *nearest_setting(const char *variable, size_t length)
{
	const char *names[NAMES_MAX] = { NULL };
	char word[128];
	for (size_t i = 0; i < settings_count && i + 1 < NAMES_MAX; i++)
		names[i] = settings_table[i].variable;
	(void)snprintf(word, sizeof word, "%.*s", (int)length, variable);
	return nearest_name(word, names);
}

static void setting_check(struct doctor *doctor, const char *item, struct settings *scratch)
{
	size_t length = strcspn(item, "=");
	const struct setting *setting = setting_find(item, length);
	struct text range;
	if (setting == NULL) {
		const char *nearest = nearest_setting(item, length);
		/* Where libtrace.so lies: of `laggard run`, not of libtrace. */
		if (strncmp(item, "LAGGARD_LIBTRACE=", strlen("LAGGARD_LIBTRACE=")) == 0)
			return;
		doctor_say(doctor, "setting", DOCTOR_PROBLEM, "see laggard run --help",
			   "%.*s is no setting of laggard%s%s%s", (int)length, item,
			   nearest == NULL ? "" : "; is it ", nearest == NULL ? "" : nearest,
			   nearest == NULL ? "" : "?");
		return;
	}
	text_begin(&range, 4096);
	setting_add_range(setting, &range);
	if (!setting_parse(setting, item + length + 1, scratch))
		doctor_say(doctor, "setting", DOCTOR_PROBLEM,
			   "give it such a value, or unset it",
			   "%.*s has to be %s, not '%s': the default %s is used", (int)length, item,
			   text_string(&range), item + length + 1, setting->initial);
	else
		doctor_say(doctor, "setting", DOCTOR_OK, NULL, "%s", item);
	text_end(&range);
}

void doctor_check_settings(struct doctor *doctor)
{
	struct settings *scratch = calloc(1, sizeof *scratch);
	const char *item = NULL;
	size_t before = doctor->count;
	doctor->group = "Settings";
	while (scratch != NULL &&
	       (item = doctor_variable_next(doctor->subject, item, "LAGGARD_")) != NULL)
		setting_check(doctor, item, scratch);
	if (doctor->count == before)
		doctor_say(doctor, "setting", DOCTOR_OK, NULL, "all by default");
	free(scratch);
}
