/* SPDX-License-Identifier: MIT */
/*
 * rig-train: the rig's training program, a test double. Plays one rank of a scenario (or all GPUs
 * of a one-process scenario) through the doubles of the driver, NCCL and NVTX. README.md says
 * how.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "play.h"
#include "words.h"

int cuInit(unsigned flags);

static struct {
	const char *scenario, *exit_mode, *map;
	int rank;
	bool is_dump, is_quiet, is_ordinal, has_rank;
	int64_t at_step;
	const char *client;	/* "FROM..TO" */
	long client_from, client_to;
	const char *next_how;	/* of a second one: RIG_CLIENT_NEXT=FROM..TO:HOW */
	long next_from, next_to;
	void (*client_start)(const char *how);
	void (*client_stop)(const char *how, const char *path);
	struct rig_play_options play;
} options = { .exit_mode = "return",
	      .map = "cupti",
	      .at_step = -1,
	      .play.event_step = -1,
	      .play.hang_step = -1 };

static int usage(void)
{
	fputs("usage: rig-train SCENARIO [--rank R] [--dump] [--realtime] [--way sleep|spin|pipe] "
	      "[--concurrent] [--quiet]\n"
	      "       [--device-mode visible|ordinal] [--map cupti|cudart|none]\n"
	      "       [--exit return|N|_exit|abort|kill|term|fork|fork_exit|exec|thread] "
	      "[--at-step N]\n"
	      "       [--hang-at STEP] [--hang-missing] [--client FROM..TO]\n",
	      stderr);
	return 2;
}

static bool options_parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(argv[i], "--dump")) {
			options.is_dump = true;
		} else if (!strcmp(argv[i], "--realtime")) {
			options.play.is_realtime = true;
		} else if (!strcmp(argv[i], "--concurrent")) {
			options.play.is_concurrent = true;
		} else if (!strcmp(argv[i], "--quiet")) {
			options.is_quiet = true;
		} else if (!strcmp(argv[i], "--hang-missing")) {
			options.play.is_missing = true;
		} else if (argv[i][0] != '-' && !options.scenario) {
			options.scenario = argv[i];
		} else if (!value) {
			return false;
		} else if (!strcmp(argv[i], "--rank")) {
			options.rank = (int)strtol(value, NULL, 10);
			options.has_rank = true;
			i++;
		} else if (!strcmp(argv[i], "--way")) {
			options.play.way = !strcmp(value, "spin") ? RIG_WAY_SPIN :
				!strcmp(value, "pipe") ? RIG_WAY_PIPE : RIG_WAY_SLEEP;
			i++;
		} else if (!strcmp(argv[i], "--device-mode")) {
			options.is_ordinal = !strcmp(value, "ordinal");
			i++;
		} else if (!strcmp(argv[i], "--map")) {
			options.map = value;
			i++;
		} else if (!strcmp(argv[i], "--exit")) {
			options.exit_mode = value;
			i++;
		} else if (!strcmp(argv[i], "--hang-at")) {
			options.play.hang_step = strtoll(value, NULL, 10);
			i++;
		} else if (!strcmp(argv[i], "--client")) {
			if (sscanf(value, "%ld..%ld", &options.client_from, &options.client_to) !=
			    2)
				return false;
			options.client = value;
			i++;
		} else if (!strcmp(argv[i], "--at-step")) {
			options.at_step = strtoll(value, NULL, 10);
			i++;
		} else {
			return false;
		}
	}
	return options.scenario != NULL;
}

/* Ends the process, or forks, as --exit says. */
static void exit_play(void)
{
	const char *mode = options.exit_mode;
	pid_t child;

	rig_clock_clear();
	if (!strcmp(mode, "_exit"))
		_exit(0);
	if (!strcmp(mode, "abort"))
		abort();
	if (!strcmp(mode, "kill"))
		raise(SIGKILL);
	if (!strcmp(mode, "term"))
		raise(SIGTERM);
	if (!strcmp(mode, "exec")) {
		execlp("true", "true", (char *)NULL);
		_exit(127);
	}
	if (!strncmp(mode, "fork", 4)) {
		fflush(NULL);
		child = fork();
		if (!child) {
			if (!strcmp(mode, "fork_exit"))
				_exit(0);
			exit(0); /* runs the exit handlers in the child, as careless programs do
				  */
		}
		while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return;
	}
	if (*mode >= '0' && *mode <= '9')
		exit((int)strtol(mode, NULL, 10));
}

/* As the framework's own libraries would be mapped before CUDA starts. */
static void libraries_map(void)
{
	const char *name = NULL;

	if (!strcmp(options.map, "cupti"))
		name = getenv("RIG_CUPTI_SONAME");
	else if (!strcmp(options.map, "cudart"))
		name = getenv("RIG_CUDART_SONAME");
	if (name && !dlopen(name, RTLD_NOW | RTLD_LOCAL))
		fprintf(stderr, "rig-train: %s\n", dlerror());
}

/* As libtorch does it: a library that needs libcupti, so that its calls are bound by name. */
static void client_load(void)
{
	void *handle = options.client ? dlopen("libclient.so", RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!options.client)
		return;
	if (!handle) {
		fprintf(stderr, "rig-train: %s\n", dlerror());
		options.client = NULL;
		return;
	}
	*(void **)&options.client_start = dlsym(handle, "rig_client_start");
	*(void **)&options.client_stop = dlsym(handle, "rig_client_stop");
	const char *next = getenv("RIG_CLIENT_NEXT");

	if (next && sscanf(next, "%ld..%ld", &options.next_from, &options.next_to) == 2) {
		options.next_how = strchr(next, ':');
		options.next_how = options.next_how ? options.next_how + 1 : "";
	}
}

static void client_step(int64_t step)
{
	const char *how = getenv("RIG_CLIENT");

	if (!options.client)
		return;
	if (step == options.client_from)
		options.client_start(how);
	else if (step == options.client_to)
		options.client_stop(how, getenv("RIG_CLIENT_OUT"));
	if (options.next_how && step == options.next_from)
		options.client_start(options.next_how);
	else if (options.next_how && step == options.next_to)
		options.client_stop(options.next_how, getenv("RIG_CLIENT_OUT"));
}

static void environment_set(const struct rig_scenario *scenario)
{
	const char *rank = getenv("RANK");
	char number[16];

	if (!options.has_rank && rank)
		options.rank = (int)strtol(rank, NULL, 10);
	snprintf(number, sizeof(number), "%d", options.rank);
	setenv("RANK", number, 0);
	setenv("LOCAL_RANK", number, 0);
	snprintf(number, sizeof(number), "%d", scenario->processes);
	setenv("WORLD_SIZE", number, 0);
	setenv("LOCAL_WORLD_SIZE", number, 0);
	setenv("RIG_SCENARIO", options.scenario, 1);
}

/*
 * Which GPUs the process sees: one as ordinal 0, or all with its own in use (not in the rig's
 * power: see README).
 */
static void devices_configure(const struct rig_run *run)
{
	int gpus[RIG_GPUS_MAX];

	if (options.is_ordinal)
		return;
	for (int i = 0; i < run->units_per_process; i++)
		gpus[i] = options.rank * run->units_per_process + i;
	rig_driver_configure(gpus, run->units_per_process);
}

static void ordinals_set(struct rig_run *run)
{
	uint32_t first = (uint32_t)(options.rank * run->units_per_process);

	options.play.first_device = options.is_ordinal ? first : 0;
	for (size_t i = 0; options.is_ordinal && i < run->count; i++) {
		run->ops[i].device += first;
		run->ops[i].activity.device += first;
	}
}

/* As long as a person, or a watchdog, would let it hang; then the program gives up. */
static void hang_wait(void)
{
	const char *text = getenv("RIG_HANG_S");
	const struct timespec time = { .tv_sec = text ? strtol(text, NULL, 10) : 5 };

	nanosleep(&time, NULL);
	exit_play();
	exit(0);
}

int main(int argc, char **argv)
{
	static struct rig_scenario scenario;
	static struct rig_run run;
	const char *epoch = getenv("RIG_EPOCH_NS");
	int status;

	if (!options_parse(argc, argv))
		return usage();
	if (!rig_scenario_read(&scenario, options.scenario))
		return 3;
	environment_set(&scenario);
	if (options.rank < 0 || options.rank >= scenario.processes) {
		fprintf(stderr, "rig-train: rank %d is not in this scenario\n", options.rank);
		return 2;
	}
	if (!rig_simulate(&scenario, options.rank, &run))
		return 3;
	if (options.is_dump) {
		rig_dump(&run);
		return 0;
	}
	/* A little ahead, so that a tracer's own start lies before every stamp. */
	rig_clock_base_set(epoch ? strtoll(epoch, NULL, 10) : rig_clock_real() + 2000000000);
	devices_configure(&run);
	ordinals_set(&run);
	libraries_map();
	client_load();
	client_step(-1);	/* before CUDA begins */
	status = cuInit(0);
	if (status) {
		fprintf(stderr, "rig-train: cuInit: %d\n", status);
		return 4;
	}
	options.play.event_step = options.at_step;
	options.play.at_step = exit_play;
	options.play.hang = hang_wait;
	options.play.step_begins = client_step;
	if (!rig_play(&scenario, &run, &options.play))
		return 3;
	if (!options.is_quiet)
		printf("rig-train: rank %d of %d played %zu operations\n", options.rank,
		       scenario.processes, run.count);
	if (options.at_step < 0)
		exit_play();
	return 0;
}
