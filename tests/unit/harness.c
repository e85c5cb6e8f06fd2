/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, STATUS_SKIPPED = 77, SECONDS_A_TEST_MAX = 120 };

static struct test *tests;
static char folder[64];

void test_register(struct test *test)
{
	test->next = tests;
	tests = test;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static void folder_remove(void)
{
	if (folder[0] != 0)
		(void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	folder[0] = 0;
}

const char *test_folder(void)
{
	if (folder[0] == 0) {
		(void)snprintf(folder, sizeof folder, "/tmp/laggard-test-XXXXXX");
		if (mkdtemp(folder) == NULL)
			test_fail(__FILE__, __LINE__, "cannot make a folder in /tmp");
	}
	return folder;
}

const char *test_path(const char *name)
{
	static char paths[16][256];
	static unsigned next;
	char *path = paths[next++ % 16];
	(void)snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
	return path;
}

static _Noreturn void test_end(int status)
{
	folder_remove();
	(void)fflush(stdout);
	exit(status);	/* not _exit: the leak checker runs at exit */
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	printf("# %s:%d: ", file, line);
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	folder_remove();
	(void)fflush(stdout);
	_exit(STATUS_FAILED);	/* what leaks on the way out of a failed test is no news */
}

void test_skip(const char *reason)
{
	printf("# skipped: %s\n", reason);
	test_end(STATUS_SKIPPED);
}

void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want)
{
	if (got != want)
		test_fail(file, line, "%s is %" PRId64 ", not %" PRId64, what, got, want);
}

void test_check_text(const char *file, int line, const char *what, const char *got,
		     const char *want)
{
	if (got == NULL || strcmp(got, want) != 0)
		test_fail(file, line, "%s is '%s', not '%s'", what, got == NULL ? "(null)" : got,
			  want);
}

void test_check_contains(const char *file, int line, const char *what, const char *got,
			 const char *fragment)
{
	if (got == NULL || strstr(got, fragment) == NULL)
		test_fail(file, line, "%s is '%s', without '%s'", what,
			  got == NULL ? "(null)" : got, fragment);
}

static int by_place(const void *a, const void *b)
{
	const struct test *x = *(struct test *const *)a;
	const struct test *y = *(struct test *const *)b;
	int order = strcmp(x->file, y->file);
	return order != 0 ? order : x->line - y->line;
}

static int test_run_forked(const struct test *test)
{
	(void)fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		return STATUS_FAILED;
	if (child == 0) {
		alarm(SECONDS_A_TEST_MAX);
		test->run();
		test_end(0);
	}
	int status = 0;
	if (waitpid(child, &status, 0) != child)
		return STATUS_FAILED;
	if (WIFSIGNALED(status)) {
		printf("# killed by signal %d\n", WTERMSIG(status));
		return STATUS_FAILED;
	}
	return WEXITSTATUS(status);
}

static void name_print(const char *name)
{
	for (; *name != 0; name++)
		(void)putchar(*name == '_' ? ' ' : *name);
	(void)putchar('\n');
}

int main(int argc, char **argv)
{
	size_t count = 0;
	for (struct test *test = tests; test != NULL; test = test->next)
		if (argc < 2 || strstr(test->name, argv[1]) != NULL)
			count++;
	struct test **sorted = calloc(count == 0 ? 1 : count, sizeof *sorted);
	if (sorted == NULL)
		return 1;
	size_t at = 0;
	for (struct test *test = tests; test != NULL; test = test->next)
		if (argc < 2 || strstr(test->name, argv[1]) != NULL)
			sorted[at++] = test;
	qsort(sorted, count, sizeof *sorted, by_place);
	if (argc >= 2 && count == 1) {
		sorted[0]->run();
		printf("passed: %s\n", sorted[0]->name);
		free(sorted);
		test_end(0);
	}
	printf("1..%zu\n", count);
	int failed = 0;
	for (size_t i = 0; i < count; i++) {
		int status = test_run_forked(sorted[i]);
		bool is_ok = status == 0 || status == STATUS_SKIPPED;
		failed += !is_ok;
		printf("%s %zu - %s%s", is_ok ? "ok" : "not ok", i + 1,
		       status == STATUS_SKIPPED ? "# SKIP " : "", "");
		name_print(sorted[i]->name);
	}
	free(sorted);
	return failed == 0 ? 0 : 1;
}
