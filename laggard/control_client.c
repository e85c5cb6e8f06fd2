/* SPDX-License-Identifier: MIT */
#include "laggard/control_client.h"

#include "libtrace/control_path.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_SECONDS_MAX = 5, FOLDERS_TRIED = 3 };

/*
 * Where a process of this user may have its socket. It may have been started with another
 * XDG_RUNTIME_DIR than this program, so the place where that usually is counts, too.
 */
static bool folder_name(char folder[CONTROL_PATH_MAX], int number, uid_t user)
{
	char usual[32];
	(void)snprintf(usual, sizeof usual, "/run/user/%u", (unsigned)user);
	if (number == 0)
		return user == geteuid() &&
		       control_folder_name(folder, 0, getenv("XDG_RUNTIME_DIR"), user);
	return control_folder_name(folder, number == 1 ? 0 : 1, usual, user);
}

static bool process_user(int64_t pid, uid_t *user)
{
	char path[64];
	struct stat status;
	(void)snprintf(path, sizeof path, "/proc/%" PRId64, pid);
	if (stat(path, &status) != 0)
		return false;
	*user = status.st_uid;
	return true;
}

static bool has_libtrace(int64_t pid)
{
	char line[8192];
	bool is_found = false;
	(void)snprintf(line, sizeof line, "/proc/%" PRId64 "/maps", pid);
	FILE *maps = fopen(line, "re");
	while (maps != NULL && !is_found && fgets(line, sizeof line, maps) != NULL)
		is_found = strstr(line, "/libtrace.so") != NULL;
	if (maps != NULL)
		(void)fclose(maps);
	return is_found;
}

static bool fail_unreachable(int64_t pid, uid_t user, struct error *error)
{
	if (user != geteuid() && geteuid() != 0) {
		const struct passwd *entry = getpwuid(user);
		return fail(error, ERROR_INPUT,
			    "process %" PRId64 " belongs to user '%s', not to you", pid,
			    entry == NULL ? "?" : entry->pw_name);
	}
	if (!has_libtrace(pid))
		return fail(error, ERROR_INPUT,
			    "process %" PRId64 " is not recorded: libtrace.so is not loaded in it",
			    pid);
	return fail(error, ERROR_INPUT,
		    "process %" PRId64 " has libtrace.so loaded but listens nowhere: it has not "
		    "used a GPU yet, or no longer records, or LAGGARD_CONTROL is off", pid);
}

/* A connected socket with a deadline on everything, or -1. */
static int socket_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS_MAX };
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, strlen(path));
	if (file >= 0 && setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
	    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
	    connect(file, (const struct sockaddr *)&address, sizeof address) == 0)
		return file;
	if (file >= 0)
		(void)close(file);
	return -1;
}

static int process_connect(int64_t pid, struct error *error)
{
	char folder[CONTROL_PATH_MAX], path[CONTROL_PATH_MAX];
	uid_t user;
	int64_t started = process_started(pid);
	if (started < 0 || !process_user(pid, &user)) {
		(void)fail(error, ERROR_INPUT, "there is no process %" PRId64, pid);
		return -1;
	}
	for (int number = 0; number < FOLDERS_TRIED; number++) {
		if (!folder_name(folder, number, user) ||
		    !control_folder_is_safe(folder, user, NULL) ||
		    !control_socket_name(path, folder, pid, started))
			continue;
		int file = socket_connect(path);
		if (file >= 0)
			return file;
	}
	(void)fail_unreachable(pid, user, error);
	return -1;
}

/* %XX back to bytes, in place. */
static void value_decode(char *value)
{
	char *to = value;
	for (const char *at = value; *at != 0; at++) {
		unsigned byte;
		if (*at == '%' && sscanf(at + 1, "%2X", &byte) == 1 && at[1] != 0 && at[2] != 0) {
			*to++ = (char)byte;
			at += 2;
		} else {
			*to++ = *at;
		}
	}
	*to = 0;
}

/* "<TAB>name=value<TAB>name=value", taken apart in place. */
static void fields_split(struct control_answer *answer, char *fields)
{
	char *rest = fields, *name;
	while ((name = strsep(&rest, "\t")) != NULL && answer->count < CONTROL_FIELDS_MAX) {
		char *value = strchr(name, '=');
		if (value == NULL)
			continue;
		*value++ = 0;
		value_decode(value);
		answer->fields[answer->count].name = name;
		answer->fields[answer->count++].value = value;
	}
}

static bool answer_read(struct control_answer *answer, int file, int64_t pid, struct error *error)
{
	size_t size = 0;
	ssize_t got;
	errno = 0;
	while (size < sizeof answer->bytes - 1 &&
	       (got = recv(file, answer->bytes + size, sizeof answer->bytes - 1 - size, 0)) > 0)
		size += (size_t)got;
	answer->bytes[size] = 0;
	char *end = strchr(answer->bytes, '\n');
	if (end != NULL)
		*end = 0;
	else if (errno == EAGAIN || errno == EWOULDBLOCK)
		return fail(error, ERROR_SYSTEM,
			    "process %" PRId64 " does not answer within %d s: its recording "
			    "thread is busy, or the process is stopped", pid, ANSWER_SECONDS_MAX);
	else
		return fail(error, ERROR_SYSTEM, "process %" PRId64 " went away without an answer",
			    pid);
	return true;
}

bool control_ask(struct control_answer *answer, int64_t pid, const char *command,
		 struct error *error)
{
	static const char ok_words[] = "laggard 1 ok", error_words[] = "laggard 1 error";
	char request[128];
	bool ok = false;
	answer->count = 0;
	int file = process_connect(pid, error);
	if (file < 0)
		return false;
	int size = snprintf(request, sizeof request, "laggard 1 %s\n", command);
	if (send(file, request, (size_t)size, MSG_NOSIGNAL) != size) {
		(void)fail(error, ERROR_SYSTEM, "cannot ask process %" PRId64 ": %s", pid,
			   strerror(errno));
	} else if (answer_read(answer, file, pid, error)) {
		if (strncmp(answer->bytes, ok_words, sizeof ok_words - 1) == 0) {
			fields_split(answer, answer->bytes + sizeof ok_words - 1);
			ok = true;
		} else if (strncmp(answer->bytes, error_words, sizeof error_words - 1) == 0) {
			fields_split(answer, answer->bytes + sizeof error_words - 1);
			(void)fail(error, ERROR_INPUT, "process %" PRId64 ": %s", pid,
				   control_value(answer, "text"));
		} else {
			(void)fail(error, ERROR_INPUT,
				   "process %" PRId64 " answers in another version", pid);
		}
	}
	(void)close(file);
	return ok;
}

const char *control_value(const struct control_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->count; i++)
		if (strcmp(answer->fields[i].name, name) == 0)
			return answer->fields[i].value;
	return "";
}

int64_t control_number(const struct control_answer *answer, const char *name)
{
	const char *value = control_value(answer, name);
	return *value == 0 ? -1 : strtoll(value, NULL, 10);
}

static int pid_compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

size_t control_processes_find(int64_t *pids, size_t room)
{
	char folder[CONTROL_PATH_MAX];
	size_t count = 0;
	for (int number = 0; number < FOLDERS_TRIED; number++) {
		if (!folder_name(folder, number, geteuid()) ||
		    !control_folder_is_safe(folder, geteuid(), NULL))
			continue;
		control_folder_clean(folder);
		DIR *entries = opendir(folder);
		const struct dirent *entry;
		while (entries != NULL && count < room && (entry = readdir(entries)) != NULL) {
			int64_t pid, started;
			if (control_socket_parse(entry->d_name, &pid, &started) &&
			    process_started(pid) == started)
				pids[count++] = pid;
		}
		if (entries != NULL)
			(void)closedir(entries);
	}
	qsort(pids, count, sizeof *pids, pid_compare);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || pids[i] != pids[i - 1])
			pids[kept++] = pids[i];
	return kept;
}
