/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: TEST(sentence_as_name) { ... } in tests/unit/<file>_test.c. Each test runs in a fork
 * of its own, in the order of file and line; a crash is one red line. Output is TAP.
 *
 *     build/tests/unit [substring of a test's name]      runs only those, without fork when one is
 * left
 */
#ifndef TESTS_UNIT_HARNESS_H
#define TESTS_UNIT_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

struct test {
	const char *name;
	const char *file;
	int line;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *test);

/* Prints where and what, and ends the test as failed. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the test as skipped, with the reason. */
_Noreturn void test_skip(const char *reason);

/* A fresh folder for this test, removed afterwards. Borrowed. */
const char *test_folder(void);

/* Path below test_folder(); one of 16 rotating buffers. */
const char *test_path(const char *name);

#define TEST(test_name) \
	static void test_name(void); \
	static struct test test_of_##test_name = { #test_name, __FILE__, __LINE__, test_name, 0 }; \
	__attribute__((constructor)) static void register_##test_name(void) \
	{ \
		test_register(&test_of_##test_name); \
	} \
	static void test_name(void)

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define CHECK_INT(got, want) \
	test_check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_TEXT(got, want) test_check_text(__FILE__, __LINE__, #got, (got), (want))
/* An error was set and its message contains the fragment. */
#define CHECK_CONTAINS(got, fragment) \
	test_check_contains(__FILE__, __LINE__, #got, (got), (fragment))
/* For calls that end in `struct error *`: CHECK_OK(trace_writer_commit(writer, &error), error) */
#define CHECK_OK(call, error) \
	do { \
		if (!(call)) \
			test_fail(__FILE__, __LINE__, "%s: %s", #call, (error).message); \
	} while (0)

void test_check_int(const char *file, int line, const char *what, int64_t got, int64_t want);
void test_check_text(const char *file, int line, const char *what, const char *got,
		     const char *want);
void test_check_contains(const char *file, int line, const char *what, const char *got,
			 const char *fragment);

#endif
