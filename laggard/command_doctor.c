/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/doctor.h"
#include "laggard/talk.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { DOCTOR_FORMAT, DOCTOR_FOLDER, DOCTOR_OUTPUT, DOCTOR_OPTION_COUNT };
enum { FORMAT_TEXT, FORMAT_JSON };

static const size_t PAGE_BYTES_MAX = (size_t)1 << 24;

static const struct option_choice formats[] = {
	[FORMAT_TEXT] = { "text", "for a person" },
	[FORMAT_JSON] = { "json", "for a program: format laggard-doctor, version 1" },
	{ NULL, NULL },
};

static const struct option options[DOCTOR_OPTION_COUNT] = {
	[DOCTOR_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choices = formats,
		.text = "how to write it", .fallback = "text",
	},
	[DOCTOR_FOLDER] = {
		.name = "folder", .kind = OPTION_FOLDER, .value = "FOLDER",
		.text = "where traces will be written; without it LAGGARD_OUTPUT's, or this one",
	},
	[DOCTOR_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of standard output",
	},
};

static const struct option_example examples[] = {
	{ "laggard doctor", "what stands in the way of a recording on this machine" },
	{ "laggard doctor $(pgrep -n python3)", "the same for the youngest process of Python" },
	{ "laggard doctor --format json | jq '.checks[] | select(.level == \"problem\")'",
	  "only the problems" },
	{ NULL, NULL },
};

const struct option_table doctor_table = {
	.name = "doctor",
	.summary = "check this machine, or a running process, and say what to repair",
	.arguments = "[PID]",
	.description =
		"Looks for what keeps a recording from working or a training from being fast: the "
		"driver and its versions, PCIe links, peer access and power limits of the GPUs, "
		"libcupti as libtrace would find it, NCCL and its profiler interface, other tools, "
		"settings, the container, cores, shared memory and the folder for traces. Each "
		"line is ok, a note or a problem, with what to do about it.\n\n"
		"With the id of a process its environment and the libraries that it has loaded are "
		"looked at instead of this shell's. Nothing is changed, no GPU is used, and no "
		"rights are needed beyond those to look at one's own processes.",
	.options = options,
	.option_count = DOCTOR_OPTION_COUNT,
	.examples = examples,
	.exit_status = "0: no problem, perhaps notes; 1: problems; 2: the command line is wrong; "
		       "3: the process cannot be looked at.",
	.arguments_max = 1,
};

static bool subject_open(struct doctor_subject *subject, const struct parsed_line *line,
			 struct error *error)
{
	if (line->argument_count == 0)
		return doctor_subject_begin(subject, "", (const char *const *)environ, error);
	char *end = NULL;
	errno = 0;
	long long pid = strtoll(line->arguments[0], &end, 10);
	if (errno != 0 || end == line->arguments[0] || *end != 0 || pid <= 0)
		return fail(error, ERROR_USAGE, "'%s' is no process id", line->arguments[0]);
	return doctor_subject_of_process(subject, "", pid, error);
}

static void checks_run(struct doctor *doctor, const char *folder)
{
	doctor_check_driver(doctor);
	doctor_check_gpus(doctor);
	doctor_check_cupti(doctor);
	doctor_check_nccl(doctor);
	doctor_check_tools(doctor);
	doctor_check_settings(doctor);
	doctor_check_system(doctor);
	doctor_check_output(doctor, folder);
}

bool doctor_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error)
{
	struct doctor_subject subject;
	struct text page;
	(void)typed;
	if (!subject_open(&subject, line, error))
		return false;
	struct doctor *doctor = calloc(1, sizeof *doctor);
	struct arena *arena = arena_create(PAGE_BYTES_MAX);
	bool ok = doctor != NULL && arena != NULL;
	if (ok) {
		doctor->arena = arena;
		doctor->subject = &subject;
		checks_run(doctor, parsed_text(line, DOCTOR_FOLDER));
		text_begin(&page, PAGE_BYTES_MAX);
		if (parsed_choice(line, DOCTOR_FORMAT) == FORMAT_JSON)
			doctor_add_json(&page, doctor);
		else
			doctor_add_text(&page, doctor);
		ok = result_write(parsed_text(line, DOCTOR_OUTPUT), &page, error);
		text_end(&page);
		*status = doctor_count(doctor, DOCTOR_PROBLEM) > 0 ? EXIT_FINDINGS : EXIT_FINE;
	} else {
		(void)fail(error, ERROR_SYSTEM, "no memory to look around");
	}
	arena_close(arena);
	free(doctor);
	doctor_subject_end(&subject);
	return ok;
}
