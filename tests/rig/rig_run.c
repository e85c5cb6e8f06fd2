/* SPDX-License-Identifier: MIT */
/*
 * rig-run: starts all ranks of a scenario, as torchrun would, with an environment in which the
 * doubles are found.
 *
 *     rig-run [--cupti 13.0|12.4|11.8|13.4|nodevice] [--preload LIB] [--train PROGRAM]
 *             [--kill RANK:STEP] [--env RANK:NAME=VALUE] SCENARIO [...]
 *
 * What follows the scenario goes to rig-train. Exit status: 0 if every rank ended with 0, else that
 * of the first rank that did not (128 + signal).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"

static const struct version {
	const char *name, *folder, *cupti, *cudart;
} versions[] = {
	{ "13.0", "lib-13.0", "libcupti.so.13", "libcudart.so.13" },
	{ "13.4", "lib-13.4", "libcupti.so.13", "libcudart.so.13" },
	{ "12.4", "lib-12.4", "libcupti.so.12", "libcudart.so.12" },
	{ "11.8", "lib-11.8", "libcupti.so.11.8", "libcudart.so.11.0" },
	{ "nodevice", "lib-nodevice", "libcupti.so.13", "libcudart.so.13" },
};

static struct {
	const struct version *version;
	const char *preload, *train, *scenario;
	int kill_rank;
	const char *kill_step;
	int missing_rank;	/* that hangs the job */
	const char *hang_step;	/* NULL: it does not hang */
	char *environments[16];	/* "RANK:NAME=VALUE" */
	int environment_count;
	char root[PATH_MAX];
	char **rest;
} options = { .version = &versions[0], .kill_rank = -1, .missing_rank = -1 };

static bool root_find(void)
{
	ssize_t length = readlink("/proc/self/exe", options.root, sizeof(options.root) - 1);

	for (int up = 0; up < 2 && length > 0; up++) {
		options.root[length] = '\0';
		char *slash = strrchr(options.root, '/');

		length = slash ? slash - options.root : 0;
	}
	options.root[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/* "RANK:rest"; NULL if it is not that. */
static char *rank_split(char *text, int *rank)
{
	char *end = NULL;
	long number = strtol(text, &end, 10);

	if (end == text || *end != ':' || number < 0 || number >= RIG_GPUS_MAX)
		return NULL;
	*rank = (int)number;
	return end + 1;
}

static bool rank_option_parse(const char *name, char *value)
{
	int rank;

	if (!strcmp(name, "--kill")) {
		options.kill_step = rank_split(value, &options.kill_rank);
		return options.kill_step != NULL;
	}
	if (!strcmp(name, "--hang")) {
		options.hang_step = rank_split(value, &options.missing_rank);
		return options.hang_step != NULL;
	}
	if (strcmp(name, "--env") || !rank_split(value, &rank) ||
	    options.environment_count == sizeof(options.environments) / sizeof(char *))
		return false;
	options.environments[options.environment_count++] = value;
	return true;
}

static bool options_parse(int argc, char **argv)
{
	int i = 1;
	const char *version = getenv("RIG_CUPTI");

	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (!strcmp(argv[i], "--cupti"))
			version = argv[i + 1];
		else if (!strcmp(argv[i], "--preload"))
			options.preload = argv[i + 1];
		else if (!strcmp(argv[i], "--train"))
			options.train = argv[i + 1];
		else if (!rank_option_parse(argv[i], argv[i + 1]))
			return false;
	}
	for (size_t k = 0; version && k <= sizeof(versions) / sizeof(versions[0]); k++) {
		if (k == sizeof(versions) / sizeof(versions[0]))
			return false;
		options.version = &versions[k];
		if (!strcmp(versions[k].name, version))
			break;
	}
	if (i >= argc)
		return false;
	options.scenario = argv[i];
	options.rest = argv + i + 1;
	return true;
}

/* name = first:what it was, or first alone. */
static void path_prepend(const char *name, const char *first)
{
	const char *before = getenv(name);
	char value[2 * PATH_MAX];

	snprintf(value, sizeof(value), "%s%s%s", first, before && *before ? ":" : "",
		 before && *before ? before : "");
	setenv(name, value, 1);
}

static void environment_set(int processes)
{
	struct timespec now;
	char text[PATH_MAX + 64];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%lld",
		 (long long)now.tv_sec * 1000000000 + now.tv_nsec + 2000000000);
	setenv("RIG_EPOCH_NS", text, 0);
	snprintf(text, sizeof(text), "%s/%s", options.root, options.version->folder);
	path_prepend("LD_LIBRARY_PATH", text);
	setenv("RIG_SCENARIO", options.scenario, 1);
	setenv("RIG_CUPTI_SONAME", options.version->cupti, 0);
	setenv("RIG_CUDART_SONAME", options.version->cudart, 0);
	snprintf(text, sizeof(text), "%d", processes);
	setenv("WORLD_SIZE", text, 1);
	setenv("LOCAL_WORLD_SIZE", text, 1);
	if (options.preload)
		path_prepend("LD_PRELOAD", options.preload);
}

static pid_t rank_start(int rank)
{
	char number[16], program[PATH_MAX + 64];
	char *arguments[64] = { program, NULL };
	int count = 0;
	pid_t child = fork();

	if (child)
		return child;
	snprintf(number, sizeof(number), "%d", rank);
	snprintf(program, sizeof(program), "%s/bin/rig-train", options.root);
	if (options.train)
		snprintf(program, sizeof(program), "%s", options.train);
	setenv("RANK", number, 1);
	setenv("LOCAL_RANK", number, 1);
	for (int i = 0; i < options.environment_count; i++) {
		int meant = -1;
		char *variable = rank_split(options.environments[i], &meant);

		if (meant == rank)
			putenv(variable);
	}
	arguments[++count] = strdup(options.scenario);
	for (char **rest = options.rest; *rest && count < 60; rest++)
		arguments[++count] = *rest;
	if (rank == options.kill_rank) {
		arguments[++count] = strdup("--exit");
		arguments[++count] = strdup("kill");
		arguments[++count] = strdup("--at-step");
		arguments[++count] = strdup(options.kill_step);
	}
	if (options.hang_step) {
		arguments[++count] = strdup("--hang-at");
		arguments[++count] = strdup(options.hang_step);
		if (rank == options.missing_rank)
			arguments[++count] = strdup("--hang-missing");
	}
	arguments[++count] = NULL;
	execv(program, arguments);
	fprintf(stderr, "rig-run: %s: %s\n", program, strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	static struct rig_scenario scenario;
	pid_t children[RIG_GPUS_MAX];
	int result = 0;

	if (!options_parse(argc, argv) || !root_find()) {
		fputs("usage: rig-run [--cupti VERSION] [--preload LIB] [--train PROGRAM] "
		      "[--kill RANK:STEP] [--hang RANK:STEP] [--env RANK:NAME=VALUE]\n"
		      "               SCENARIO [...]\n",
		      stderr);
		return 2;
	}
	if (!rig_scenario_read(&scenario, options.scenario))
		return 3;
	environment_set(scenario.processes);
	for (int rank = 0; rank < scenario.processes; rank++)
		children[rank] = rank_start(rank);
	for (int rank = 0; rank < scenario.processes; rank++) {
		int status = 0;

		while (waitpid(children[rank], &status, 0) < 0 && errno == EINTR)
			;
		if (!result && status)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return result;
}
