/* SPDX-License-Identifier: MIT */
#include "laggard/ceilings_file.h"
#include "laggard/command.h"
#include "laggard/folder.h"
#include "laggard/launch.h"
#include "laggard/library.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "tracedb/ceilings_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CALIBRATE_OUTPUT,
	CALIBRATE_IMPORT,
	CALIBRATE_NCCL,
	CALIBRATE_PROGRAM,
	CALIBRATE_OPTION_COUNT
};

static const size_t PATH_BYTES_MAX = 1 << 16;

static const struct option options[CALIBRATE_OPTION_COUNT] = {
	[CALIBRATE_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of the default place",
	},
	[CALIBRATE_IMPORT] = {
		.name = "import", .kind = OPTION_FILE, .value = "JSON",
		.text =
			"measure nothing: take what the measuring program printed on another "
			"machine",
	},
	[CALIBRATE_NCCL] = {
		.name = "nccl", .kind = OPTION_FILE, .value = "LIBRARY",
		.text = "measure with this libnccl.so.2, not with the one the system finds",
	},
	[CALIBRATE_PROGRAM] = {
		.name = "program", .kind = OPTION_FILE, .value = "FILE",
		.text = "the measuring program, if it is not where it was installed",
	},
};

static const struct option_example examples[] = {
	{ "laggard calibrate", "measures this machine; later analyses of it use that" },
	{ "laggard calibrate traces", "the same, and a copy beside the traces for others" },
	{ "laggard calibrate --import node7.json traces",
	  "what was measured where laggard is not" },
	{ NULL, NULL },
};

const struct option_table calibrate_table = {
	.name = "calibrate",
	.summary = "measure what this machine's GPUs and links can do",
	.arguments = "[FOLDER]",
	.description =
		"Measures copies between host and GPUs, each GPU alone, by pairs and all together, "
		"copies between GPUs, device memory, launches, and NCCL if its library is found. "
		"'laggard analyze' then compares transfers, links and collectives with what was "
		"measured here instead of nominal rates, and says so.\n\n"
		"Takes some seconds a GPU; nothing else should run on them meanwhile. The result "
		"goes to $XDG_DATA_HOME/laggard/ceilings.db (~/.local/share/laggard/ceilings.db), "
		"and into FOLDER, where it is found beside the traces. The names of the files are "
		"printed, one a line.",
	.options = options,
	.option_count = CALIBRATE_OPTION_COUNT,
	.examples = examples,
	.arguments_max = 1,
};

/* A file for what the program prints, without a name: gone when it is closed. */
static int output_make(struct error *error)
{
	const char *folder = getenv("TMPDIR");
	char name[4096];
	int length = snprintf(name, sizeof name, "%s/laggard-XXXXXX",
			      folder == NULL || folder[0] == 0 ? "/tmp" : folder);
	int file = length > 0 && (size_t)length < sizeof name ? mkostemp(name, O_CLOEXEC) : -1;
	if (file < 0)
		(void)fail(error, ERROR_SYSTEM, "cannot make a temporary file: %s",
			   strerror(errno));
	else
		(void)unlink(name);
	return file;
}

/* Runs the program with its stdout in `file`. */
static bool program_run(char *const *argv, int file, int *status, struct error *error)
{
	int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (kept < 0 || dup2(file, STDOUT_FILENO) < 0) {
		(void)fail(error, ERROR_SYSTEM, "cannot run '%s': %s", argv[0], strerror(errno));
		if (kept >= 0)
			(void)close(kept);
		return false;
	}
	bool ok = launch_program(argv, status, error);
	(void)dup2(kept, STDOUT_FILENO);
	(void)close(kept);
	return ok;
}

static bool program_find(char path[PATH_MAX], const char *named, struct error *error)
{
	if (named != NULL)
		return realpath(named, path) != NULL ||
		       fail(error, ERROR_INPUT, "cannot find '%s': %s", named, strerror(errno));
	return library_find_calibrate(path, error);
}

static bool machine_measure(struct ceilings *ceilings, const struct parsed_line *line,
			    struct error *error)
{
	char program[PATH_MAX], nccl[PATH_MAX], path[64], nccl_option[] = "--nccl";
	const char *library = parsed_text(line, CALIBRATE_NCCL);
	int status = 0;
	if (library != NULL && realpath(library, nccl) == NULL)
		return fail(error, ERROR_INPUT, "cannot find '%s': %s", library, strerror(errno));
	if (!program_find(program, parsed_text(line, CALIBRATE_PROGRAM), error))
		return false;
	char *argv[] = { program, library == NULL ? NULL : nccl_option, nccl, NULL };
	int file = output_make(error);
	if (file < 0)
		return false;
	bool ok = program_run(argv, file, &status, error);
	if (ok && lseek(file, 0, SEEK_END) <= 0)
		ok = fail(error, ERROR_SYSTEM, "'%s' ended with status %d and measured nothing",
			  program, status);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (ok && !ceilings_read_json(ceilings, path, error)) {
		ok = false;
		if (error->kind == ERROR_INPUT)	/* not what the program itself says */
			(void)fail_within(error, "'%s' printed no ceilings", program);
	}
	if (ok && status != 0) {
		ceilings_end(ceilings);
		ok = fail(error, ERROR_SYSTEM, "'%s' ended with status %d", program, status);
	}
	(void)close(file);
	return ok;
}

static bool file_write(const struct ceilings *ceilings, const char *path, struct error *error)
{
	return ceilings_write(ceilings, path, error) && result_write_line(path, error);
}

static bool default_write(const struct ceilings *ceilings, struct error *error)
{
	struct text path, folder;
	text_begin(&path, PATH_BYTES_MAX);
	text_begin(&folder, PATH_BYTES_MAX);
	bool ok = ceilings_add_default_path(&path) ||
		  fail(error, ERROR_USAGE,
		       "neither XDG_DATA_HOME nor HOME is set: name a file with --output");
	if (ok) {
		const char *name = text_string(&path);
		text_add_bytes(&folder, name, (size_t)(strrchr(name, '/') - name));
		ok = folder_make(text_string(&folder), NULL, error) &&
		     file_write(ceilings, name, error);
	}
	text_end(&folder);
	text_end(&path);
	return ok;
}

static bool folder_write(const struct ceilings *ceilings, const char *folder, struct error *error)
{
	struct text path;
	text_begin(&path, PATH_BYTES_MAX);
	ceilings_add_path_in(&path, folder, ceilings->calibration.host);
	bool ok = folder_make(folder, NULL, error) &&
		  file_write(ceilings, text_string(&path), error);
	text_end(&path);
	return ok;
}

static void say_measured(const struct ceilings *ceilings)
{
	talk_note("%zu ceilings of %zu %s on '%s'", ceilings->item_count, ceilings->gpu_count,
		  ceilings->gpu_count == 1 ? "GPU" : "GPUs", ceilings->calibration.host);
	if (ceilings->calibration.note[0] != 0)
		talk_note("not measured: %s", ceilings->calibration.note);
}

bool calibrate_command(const struct parsed_line *line, const char *typed, int *status,
		       struct error *error)
{
	struct ceilings ceilings;
	const char *imported = parsed_text(line, CALIBRATE_IMPORT);
	const char *output = parsed_text(line, CALIBRATE_OUTPUT);
	(void)typed;
	(void)status;
	if (imported != NULL ? !ceilings_read_json(&ceilings, imported, error) :
			       !machine_measure(&ceilings, line, error))
		return false;
	ceilings.calibration.tool_version = laggard_version;
	ceilings.calibration.source = imported != NULL ? "imported" : "measured";
	bool ok = output != NULL ? file_write(&ceilings, output, error) :
				   default_write(&ceilings, error);
	if (ok && line->argument_count > 0)
		ok = folder_write(&ceilings, line->arguments[0], error);
	if (ok)
		say_measured(&ceilings);
	ceilings_end(&ceilings);
	return ok;
}
