/* SPDX-License-Identifier: MIT */
/*
 * Torture: every operation again and again, while its first, second, ... allocation, write or read
 * fails, once or from then on. Demanded each time: no crash, no leak of memory or files, and either
 * the full result, or an error that says what, and nothing left behind. Prints TAP.
 *
 * TORTURE_STEPS: how many of the places to try for each operation and kind, spread over all of
 * them; 0: all. TORTURE_AT: only this place, to look at it with a debugger. An argument runs only
 * the operations whose name contains it.
 */
#include "tests/torture/faults.h"
#include "tests/torture/operations.h"

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 16, COMPLAINTS_MAX = 4, CRASHES_MAX = 3, SECONDS_MAX = 20 };

static const char *const kind_names[] = { "allocation", "write", "read" };

/* Shared with the child that does the work, so that its crash can be placed. */
struct progress {
	int64_t calls;		/* of an undisturbed run */
	int64_t tried;
	int64_t step;
	int64_t number;		/* the call that fails now */
	int complaints;
};

struct case_ {
	const struct operation *operation;
	enum fault_kind kind;
	bool is_lasting;
	int64_t steps;		/* 0: all */
	struct progress *progress;
};

static struct place place;
static char folder_temporary[256];

/* Entries of a folder; with `name` also the first of them. */
static int folder_count(const char *folder, char *name, size_t size)
{
	int count = 0;
	DIR *entries = opendir(folder);
	for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count++ == 0 && name != NULL)
			(void)snprintf(name, size, "%s", entry->d_name);
	}
	if (entries != NULL)
		(void)closedir(entries);
	return count;
}

static void folder_empty(const char *folder)
{
	char name[256], path[600];
	while (folder_count(folder, name, sizeof name) > 0) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, name);
		if (unlink(path) == 0)
			continue;
		(void)chmod(path, 0700);
		folder_empty(path);
		if (rmdir(path) != 0)
			return;
	}
}

static void complain(const struct case_ *at, const char *what, const char *detail)
{
	struct progress *progress = at->progress;
	if (progress->complaints++ < COMPLAINTS_MAX)
		(void)printf("# %s %lld of %lld%s: %s%s%s\n", kind_names[at->kind],
			     (long long)progress->number, (long long)progress->calls,
			     at->is_lasting ? " and all later" : "", what,
			     detail[0] == 0 ? "" : ": ", detail);
}

/* Names what it could not do, or says that memory is short. */
static bool is_good_error(const struct error *error)
{
	return error->kind != ERROR_NONE && error->message[0] != 0 &&
	       (strstr(error->message, place.root) != NULL ||
		strstr(error->message, "memory") != NULL) &&
	       strchr(error->message, '\n') == NULL;
}

static void judge(const struct case_ *at, bool ok, const struct outcome *outcome,
		  const struct outcome *whole, const struct error *error)
{
	char name[256] = "";
	struct error broken = { 0 };
	if (ok && !outcome->is_loss_told && outcome->signature != whole->signature &&
	    outcome->loss_count <= whole->loss_count)
		complain(at, "less came out, and nothing says so", "");
	if (!ok && !is_good_error(error))
		complain(at, "the error does not say what failed", error->message);
	if (at->operation->check_left != NULL && !at->operation->check_left(&place, &broken))
		complain(at, "what was written is damaged", broken.message);
	if (!ok && at->operation->check_left == NULL &&
	    folder_count(place.out, name, sizeof name) > 0)
		complain(at, "left behind", name);
	if (folder_count(folder_temporary, name, sizeof name) > 0)
		complain(at, "left among the temporary files", name);
	folder_empty(place.out);
	folder_empty(folder_temporary);
}

static void run_once(const struct case_ *at, int64_t number, const struct outcome *whole)
{
	struct outcome outcome = { 0 };
	struct error error = { 0 };
	char detail[64];
	int files = folder_count("/proc/self/fd", NULL, 0);
	size_t blocks = blocks_in_use();
	at->progress->number = number;
	(void)alarm(SECONDS_MAX);
	faults_arm(at->kind, number, at->is_lasting);
	bool ok = at->operation->run(&place, &outcome, &error);
	(void)faults_disarm();
	judge(at, ok, &outcome, whole, &error);
	if (blocks_in_use() > blocks) {
		(void)snprintf(detail, sizeof detail, "%zu", blocks_in_use() - blocks);
		complain(at, "blocks leaked", detail);
	}
	if (folder_count("/proc/self/fd", NULL, 0) > files)
		complain(at, "a file stays open", "");
	at->progress->tried++;
}

/* Steps through all numbers in an order that is spread from the start: about the golden section. */
static int64_t stride_of(int64_t count)
{
	int64_t stride = count * 618 / 1000 | 1;
	for (;; stride += 2) {
		int64_t a = stride, b = count;
		while (b != 0) {
			int64_t rest = a % b;
			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

/* The first and the last ones always: there it is set up and written out. From 1. */
static int64_t place_of(int64_t step, int64_t steps, int64_t count)
{
	if (steps == count || step < steps / 4)
		return step + 1;
	if (step < steps / 2)
		return count - (step - steps / 4);
	return step * stride_of(count) % count + 1;
}

static void run_case(const struct case_ *at)
{
	struct outcome whole = { 0 };
	struct error error = { 0 };
	struct progress *progress = at->progress;
	/* Twice: the first time also fills what stays for good. */
	for (int i = 0; i < 2; i++) {
		whole = (struct outcome){ 0 };
		faults_arm(at->kind, 0, false);
		bool ok = at->operation->run(&place, &whole, &error);
		progress->calls = faults_disarm();
		folder_empty(place.out);
		if (!ok) {
			complain(at, "fails undisturbed", error.message);
			return;
		}
	}
	const char *only = getenv("TORTURE_AT");
	if (only != NULL) {
		run_once(at, strtoll(only, NULL, 10), &whole);
		return;
	}
	int64_t count = progress->calls;
	int64_t steps = at->steps == 0 || at->steps > count ? count : at->steps;
	while (progress->step < steps) {
		int64_t step = progress->step++;
		run_once(at, place_of(step, steps, count), &whole);
	}
}

/* In a child: what it leaves in memory and what kills it stays there. */
static int run_child(const struct case_ *at)
{
	int status = 0;
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		run_case(at);
		(void)fflush(stdout);
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* Both ways for one operation and kind: true if nothing was wrong. */
static bool run_test(const struct operation *operation, enum fault_kind kind, int64_t steps,
		     struct progress *progress, int64_t *tried, int64_t *calls)
{
	char detail[64];
	bool is_good = true;
	*tried = 0;
	for (int lasting = 0; lasting < 2; lasting++) {
		const struct case_ at = { operation, kind, lasting == 1, steps, progress };
		*progress = (struct progress){ .calls = 0 };
		for (int crashes = 0; crashes < CRASHES_MAX; crashes++) {
			int status = run_child(&at);
			if (status == 0)
				break;
			(void)snprintf(detail, sizeof detail, "status %#x", (unsigned)status);
			complain(&at, "crashed", detail);
			folder_empty(place.out);
			folder_empty(folder_temporary);
		}
		*tried += progress->tried;
		*calls = progress->calls;
		is_good = is_good && progress->complaints == 0;
	}
	return is_good;
}

static void places_make(void)
{
	static char root[64];
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	(void)snprintf(root, sizeof root, "%s/laggard-torture-XXXXXX", parent);
	if (mkdtemp(root) == NULL)
		exit(1);
	place.root = root;
	(void)snprintf(place.in, sizeof place.in, "%s/in", root);
	(void)snprintf(place.out, sizeof place.out, "%s/out", root);
	(void)snprintf(folder_temporary, sizeof folder_temporary, "%s/tmp", root);
	/* One operation is somebody else: he finds the way, and may have temporary files. */
	if (chmod(root, 0755) != 0 || mkdir(place.in, 0755) != 0 || mkdir(place.out, 0700) != 0 ||
	    mkdir(folder_temporary, 0700) != 0 || chmod(folder_temporary, 0777) != 0 ||
	    setenv("TMPDIR", folder_temporary, 1) != 0)
		exit(1);
	operations_prepare(&place);
}

static bool is_wanted(int argc, char **argv, const struct operation *operation)
{
	return argc < 2 || strstr(operation->name, argv[1]) != NULL;
}

int main(int argc, char **argv)
{
	const char *wanted_steps = getenv("TORTURE_STEPS");
	int64_t steps = wanted_steps == NULL ? STEPS : strtoll(wanted_steps, NULL, 10);
	struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int number = 0, wanted = 0;
	bool is_failed = false;
	(void)sqlite3_initialize();
	places_make();
	for (int i = 0; i < operation_count; i++)
		wanted += is_wanted(argc, argv, &operations[i]);
	(void)printf("1..%d\n", wanted * FAULT_KIND_COUNT);
	for (int i = 0; progress != MAP_FAILED && i < operation_count; i++) {
		for (int kind = 0; is_wanted(argc, argv, &operations[i]) && kind < FAULT_KIND_COUNT;
		     kind++) {
			int64_t tried = 0, calls = 0;
			bool ok = run_test(&operations[i], (enum fault_kind)kind, steps, progress,
					   &tried, &calls);
			is_failed |= !ok;
			(void)printf(
				"%sok %d - %s survives a failing %s (%lld runs, %lld places)\n",
				ok ? "" : "not ", ++number, operations[i].name, kind_names[kind],
				(long long)tried, (long long)calls);
		}
	}
	folder_empty(place.root);
	(void)rmdir(place.root);
	return is_failed;
}
