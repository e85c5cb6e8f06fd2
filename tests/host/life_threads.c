/* SPDX-License-Identifier: MIT */
/* Threads, signals, clocks and states of a thread, while the program is recorded. */
#include "life.h"
#include "nvtx.h"

#include <dirent.h>
#include <errno.h>
#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CROWD = 50,
	CROWDS = 60,
	PAINT = 0x5a,
	SMALL_STACK_BYTES = 64 * 1024,
	/* LAGGARD_LOG_MB and a little; a block of 64 KiB for each thread would be three times that
	 */
	GROWN_KIB_MAX = 72 * 1024
};

static long resident_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kib;
}

static void *crowd_member(void *argument)
{
	(void)argument;
	life_ranges(10);
	return NULL;
}

static void crowd(void)
{
	pthread_t threads[CROWD];
	for (int i = 0; i < CROWD; i++)
		if (pthread_create(&threads[i], NULL, crowd_member, NULL) != 0)
			life_fail("pthread_create");
	for (int i = 0; i < CROWD; i++)
		pthread_join(threads[i], NULL);
}

/* Thousands of threads come and go, fifty at a time: what they used is used again. */
static void crowds(void)
{
	life_begin(0);
	for (int i = 0; i < 10; i++)
		crowd();
	life_rest();
	long before = resident_kib();
	for (int i = 0; i < CROWDS; i++) {
		crowd();
		usleep(30000);	/* the recording reads what ended */
	}
	long grown = resident_kib() - before;
	printf("bounded: %d\n", grown < GROWN_KIB_MAX);
	if (grown >= GROWN_KIB_MAX)
		fprintf(stderr, "life: grown by %ld KiB\n", grown);
}

static void *last_thread(void *argument)
{
	(void)argument;
	usleep(200000);
	life_ranges(1000);
	usleep(200000);
	exit(7);
}

/* main ends by pthread_exit; the others go on, and the last ends the program. */
static void outlives_main(void)
{
	pthread_t thread;
	life_begin(0);
	life_ranges(1000);
	pthread_create(&thread, NULL, last_thread, NULL);
	pthread_exit(NULL);
}

static void *endless(void *argument)
{
	atomic_bool *is_running = argument;
	*is_running = true;
	for (;;) {
		rig_nvtx_own.push_text("endless");
		rig_nvtx_own.pop(NULL);
	}
	return NULL;
}

/* The program ends while a thread of it still pushes ranges. */
static void ends_while_pushing(void)
{
	static atomic_bool is_running;
	pthread_t thread;
	life_begin(0);
	life_ranges(1000);
	pthread_create(&thread, NULL, endless, &is_running);
	while (!is_running)
		usleep(1000);
}

struct painted {
	unsigned char *stack;
	size_t size, used;
};

static void *painted_run(void *argument)
{
	static char text[9000];
	struct painted *painted = argument;
	memset(text, 't', sizeof text - 1);
	const struct rig_nvtx_attributes attributes = {
		.version = 3, .size = sizeof attributes, .message_type = RIG_MESSAGE_ASCII,
		.message = text, .payload_type = RIG_PAYLOAD_U64, .payload.u64 = 7,
	};
	void *domain = rig_nvtx_own.domain_create("a domain");
	rig_nvtx_own.push(domain, &attributes);
	rig_nvtx_own.pop(domain);
	rig_nvtx_own.name_thread(1, "named");
	life_ranges(10);
	for (size_t i = 0; i < painted->size; i++)
		if (painted->stack[i] != PAINT) {
			painted->used = painted->size - i;
			break;
		}
	return NULL;
}

/* How much stack our handlers need, on a thread that has little. */
static void small_stack(void)
{
	struct painted painted = { .size = SMALL_STACK_BYTES };
	pthread_attr_t attributes;
	pthread_t thread;
	life_begin(0);
	life_ranges(10);
	painted.stack = mmap(NULL, painted.size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(painted.stack, PAINT, painted.size);
	pthread_attr_init(&attributes);
	if (pthread_attr_setstack(&attributes, painted.stack, painted.size) != 0 ||
	    pthread_create(&thread, &attributes, painted_run, &painted) != 0)
		life_fail("no thread with a small stack");
	pthread_join(thread, NULL);
	fprintf(stderr, "life: %zu bytes of stack\n", painted.used);
	printf("little stack: %d\n", painted.used < 16 * 1024);
}

/* Threads that are not the program's have all signals blocked, so that none is handled there. */
static void masks(void)
{
	char path[300], line[256], name[64];
	life_begin(0);
	life_ranges(100);
	life_rest();
	DIR *folder = opendir("/proc/self/task");
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		unsigned long long blocked = 0;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		name[0] = 0;
		while (file != NULL && fgets(line, sizeof line, file) != NULL) {
			(void)!sscanf(line, "Name: %63s", name);
			(void)!sscanf(line, "SigBlk: %llx", &blocked);
		}
		if (file != NULL)
			fclose(file);
		for (int number = 1; number < 32; number++)
			if (strncmp(name, "laggard", 7) == 0 && number != SIGKILL &&
			    number != SIGSTOP && (blocked >> (number - 1) & 1) == 0)
				life_fail("%s does not block signal %d", name, number);
	}
	closedir(folder);
}

static void term_handle(int number)
{
	(void)number;
	exit(15);	/* not allowed, and done everywhere */
}

static void term_handled(void)
{
	signal(SIGTERM, term_handle);
	life_begin(0);
	life_ranges(1000);
	raise(SIGTERM);
}

static void term_default(void)
{
	life_begin(0);
	life_ranges(1000);
	life_rest();
	printf("ranges %lld\n", (long long)life_count());
	fflush(stdout);
	raise(SIGTERM);
}

/* torchrun: asks, waits, kills. The children are recorded, the parent never began. */
static void launcher(void)
{
	pid_t children[3];
	int ready[2];
	char byte = 0;
	if (pipe(ready) != 0)
		life_fail("pipe");
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			if (i == 1)
				signal(SIGTERM, term_handle);
			if (i == 2)
				signal(SIGTERM, SIG_IGN);
			life_begin(0);
			life_ranges(1000);
			life_rest();
			(void)!write(ready[1], &byte, 1);
			for (;;)
				pause();
		}
	}
	for (int i = 0; i < 3; i++)
		(void)!read(ready[0], &byte, 1);
	for (int i = 0; i < 3; i++)
		kill(children[i], SIGTERM);
	for (int i = 0; i < 3; i++) {
		int status;
		if (i == 2)
			kill(children[i], SIGKILL);
		waitpid(children[i], &status, 0);
		printf("child %d: %d\n", i,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

static void late_cuda(void)
{
	life_ranges(500);	/* before CUDA: kept, if there will be a recording */
	usleep(300000);
	life_begin(0);
	life_ranges(500);
}

static void begins_often(void)
{
	for (int i = 0; i < 4; i++) {
		life_begin(i % 2);
		life_ranges(250);
	}
}

/* The wall clock is set back and forth by an hour; two of the ranges are open meanwhile. */
static void clock_jumps(void)
{
	life_begin(0);
	life_ranges(1000);
	life_rest();
	rig_nvtx_own.push_text("jump back");
	life_clock_offset_ns = INT64_C(-3600000000000);
	rig_nvtx_own.pop(NULL);
	life_ranges(1000);
	life_rest();
	rig_nvtx_own.push_text("jump forth");
	life_clock_offset_ns = INT64_C(3600000000000);
	rig_nvtx_own.pop(NULL);
	life_ranges(1000);
	life_rest();
	life_clock_offset_ns = 0;
	life_ranges(1000);
	life_rest();
}

/* What belongs to the calling thread is as it was after each of our calls. */
static void states(void)
{
	sigset_t before, after;
	setlocale(LC_ALL, "C.UTF-8");
	char locale[128];
	snprintf(locale, sizeof locale, "%s", setlocale(LC_ALL, NULL));
	fesetround(FE_UPWARD);
	feclearexcept(FE_ALL_EXCEPT);
	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = 77;
	life_begin(0);
	errno = 77;
	for (int i = 0; i < 1000; i++) {
		rig_nvtx_own.push_text("errno");
		if (errno != 77)
			life_fail("errno %d after a push", errno);
		rig_nvtx_own.pop(NULL);
		if (errno != 77)
			life_fail("errno %d after a pop", errno);
	}
	life_rest();
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	if (fegetround() != FE_UPWARD || fetestexcept(FE_ALL_EXCEPT) != 0)
		life_fail("the floating-point state has changed");
	if (strcmp(setlocale(LC_ALL, NULL), locale) != 0)
		life_fail("the locale has changed");
	if (memcmp(&before, &after, sizeof(long)) != 0)
		life_fail("the signal mask has changed");
}

const struct life_mode life_threads[] = {
	{ "crowds", crowds }, { "outlives-main", outlives_main },
	{ "ends-while-pushing", ends_while_pushing }, { "small-stack", small_stack },
	{ "masks", masks }, { "term-handled", term_handled }, { "term-default", term_default },
	{ "launcher", launcher }, { "late-cuda", late_cuda }, { "begins-often", begins_often },
	{ "clock-jumps", clock_jumps }, { "states", states }, { NULL, NULL },
};
