/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over its corpus without libFuzzer: every file as it is, cut at several places,
 * and with bytes changed by a fixed random sequence. Prints TAP; a crash is a killed program.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FILE_BYTES_MAX = 1024 * 1024,
	CUTS = 6,
	CHANGES = 14,
	NAMES_MAX = 1024,
};

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static size_t random_below(size_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state % limit);
}

/* A copy of exactly `size` bytes, so that a sanitizer sees one read too many. */
static void run_copy(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_variants(uint8_t *bytes, size_t size)
{
	static const char alphabet[] = "\"\\{}[]:,0-9.eE\x80\xff\0 \nNtu";
	run_copy(bytes, size);
	if (size == 0)
		return;
	for (size_t i = 1; i <= CUTS; i++)
		run_copy(bytes, random_below(size));
	for (size_t i = 0; i < CHANGES; i++) {
		size_t at = random_below(size);
		uint8_t kept = bytes[at];
		unsigned changed = kept ^ 1U << random_below(8);
		if (i % 2 == 0)
			changed = (unsigned char)alphabet[random_below(sizeof alphabet)];
		bytes[at] = (uint8_t)changed;
		run_copy(bytes, size);
		bytes[at] = kept;
	}
}

static bool run_file(const char *path)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	FILE *file = fopen(path, "rbe");
	if (file == NULL)
		return false;
	size_t size = fread(bytes, 1, sizeof bytes, file);
	(void)fclose(file);
	run_variants(bytes, size);
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_corpus(const char *folder, char **names)
{
	size_t count = 0;
	DIR *entries = opendir(folder);
	if (entries == NULL)
		return 0;
	for (struct dirent *entry; count < NAMES_MAX && (entry = readdir(entries)) != NULL;) {
		if (entry->d_name[0] != '.')
			names[count] = strdup(entry->d_name);
		count += entry->d_name[0] != '.' && names[count] != NULL;
	}
	(void)closedir(entries);
	qsort(names, count, sizeof *names, compare_names);
	return count;
}

/* In a child, so that one crash does not hide the other files. */
static bool is_survived(const char *path)
{
	int status = 0;
	(void)fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		bool ok = run_file(path);
		_exit(ok ? 0 : 1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	static char *names[NAMES_MAX];
	char folder[256], path[1024];
	bool is_failed = false;
	(void)snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", fuzz_name);
	size_t count = list_corpus(folder, names);
	if (count == 0) {
		(void)printf("1..0 # SKIP no %s here: run it from the top folder\n", folder);
		return 0;
	}
	(void)printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		bool ok = is_survived(path);
		is_failed |= !ok;
		(void)printf("%sok %zu - %s and its variants do no harm\n", ok ? "" : "not ", i + 1,
			     names[i]);
		free(names[i]);
	}
	return is_failed;
}
