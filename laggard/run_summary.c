/* SPDX-License-Identifier: MIT */
#include "laggard/run_summary.h"

#include "laggard/launch.h"
#include "laggard/talk.h"
#include "tracedb/reader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 8 };

static bool is_database_name(const char *name)
{
	size_t length = strlen(name);
	return length > 3 && strcmp(name + length - 3, ".db") == 0;
}

bool folder_has_traces(const char *folder)
{
	DIR *entries = opendir(folder);
	bool is_found = false;
	if (entries == NULL)
		return false;
	for (struct dirent *entry = readdir(entries); entry != NULL && !is_found;
	     entry = readdir(entries))
		is_found = is_database_name(entry->d_name);
	(void)closedir(entries);
	return is_found;
}

static int by_number(const void *a, const void *b)
{
	long long x = *(const long long *)a;
	long long y = *(const long long *)b;
	return (x > y) - (x < y);
}

/* Out of memory the list is shorter; the counts stay right. */
static void list_add(long long **list, size_t *count, long long number)
{
	long long *longer = realloc(*list, (*count + 1) * sizeof *longer);
	if (longer == NULL)
		return;
	longer[(*count)++] = number;
	*list = longer;
}

static void summary_add_trace(struct run_summary *summary, const char *path)
{
	struct trace_reader *reader = NULL;
	summary->trace_count++;
	if (!trace_reader_open(&reader, path, NULL)) {
		summary->unreadable_count++;
		return;
	}
	const struct trace_row *trace = trace_reader_trace(reader);
	if (trace->rank >= 0)
		list_add(&summary->ranks, &summary->rank_count, trace->rank);
	else
		list_add(&summary->pids, &summary->pid_count, trace->pid);
	trace_reader_close(reader);
}

void run_summary_begin(struct run_summary *summary, const char *folder)
{
	*summary = (struct run_summary){ 0 };
	DIR *entries = opendir(folder);
	if (entries == NULL)
		return;
	for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (is_database_name(entry->d_name) && length > 0 && length < PATH_MAX)
			summary_add_trace(summary, path);
	}
	(void)closedir(entries);
	if (summary->rank_count > 0)
		qsort(summary->ranks, summary->rank_count, sizeof *summary->ranks, by_number);
	if (summary->pid_count > 0)
		qsort(summary->pids, summary->pid_count, sizeof *summary->pids, by_number);
}

void run_summary_end(struct run_summary *summary)
{
	free(summary->ranks);
	free(summary->pids);
	*summary = (struct run_summary){ 0 };
}

/* "0-3, 8" */
static void add_numbers(struct text *text, const long long *numbers, size_t count)
{
	size_t shown = 0;
	for (size_t i = 0; i < count; shown++) {
		size_t last = i;
		while (last + 1 < count && numbers[last + 1] == numbers[last] + 1)
			last++;
		if (shown == SHOWN_MAX) {
			text_add_format(text, " and %zu more", count - i);
			return;
		}
		text_add_format(text, "%s%lld", shown == 0 ? "" : ", ", numbers[i]);
		if (last > i)
			text_add_format(text, "%s%lld", last == i + 1 ? ", " : "-", numbers[last]);
		i = last + 1;
	}
}

static void add_who(struct text *text, const struct run_summary *summary)
{
	const char *before = " (";
	if (summary->rank_count > 0) {
		text_add_format(text, "%s%s ", before, summary->rank_count == 1 ? "rank" : "ranks");
		add_numbers(text, summary->ranks, summary->rank_count);
		before = "; ";
	}
	if (summary->pid_count > 0) {
		text_add_format(text, "%s%s ", before,
				summary->pid_count == 1 ? "process" : "processes");
		add_numbers(text, summary->pids, summary->pid_count);
		before = "; ";
	}
	if (summary->unreadable_count > 0) {
		text_add_format(text, "%s%zu unreadable", before, summary->unreadable_count);
		before = "; ";
	}
	if (before[0] == ';')
		text_add_char(text, ')');
}

void run_summary_add_text(struct text *text, const struct run_summary *summary, const char *folder,
			  const char *typed)
{
	text_add_format(text, "%zu %s in ", summary->trace_count,
			summary->trace_count == 1 ? "trace" : "traces");
	text_add_shell_word(text, folder);
	add_who(text, summary);
	text_add(text, "; next: ");
	text_add_shell_word(text, typed);
	text_add(text, " analyze ");
	text_add_shell_word(text, folder);
}

void run_summary_add_reason(struct text *text, const char *program)
{
	const char *obstacle = launch_preload_obstacle(program);
	const char *enabled = getenv("LAGGARD_ENABLED");
	if (enabled != NULL && (strcasecmp(enabled, "off") == 0 || strcmp(enabled, "0") == 0)) {
		text_add(text, "recording is off (LAGGARD_ENABLED)");
		return;
	}
	if (obstacle != NULL) {
		text_add_format(text, "'%s' cannot be recorded: %s", program, obstacle);
		return;
	}
	void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (driver == NULL) {
		text_add(text, "there is no NVIDIA driver here (no libcuda.so.1)");
		return;
	}
	(void)dlclose(driver);
	text_add_format(
		text,
		"no process of '%s' used a GPU, or libtrace said above why it could not record",
		program);
}
