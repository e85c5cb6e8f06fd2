/* SPDX-License-Identifier: MIT */
#include "libtrace/control_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { STAT_BYTES_MAX = 1024, START_FIELD = 22, ENTRIES_MAX = 4096 };

static const char suffix[] = ".control";

bool control_folder_name(char folder[CONTROL_PATH_MAX], int number, const char *runtime, uid_t user)
{
	int length = -1;
	if (number == 0 && runtime != NULL && runtime[0] == '/')
		length = snprintf(folder, CONTROL_PATH_MAX, "%s/laggard", runtime);
	else if (number == 1)
		length = snprintf(folder, CONTROL_PATH_MAX, "/tmp/laggard-%u", (unsigned)user);
	return length > 0 && length < CONTROL_PATH_MAX;
}

bool control_folder_is_safe(const char *folder, uid_t user, struct error *error)
{
	struct stat status;
	if (lstat(folder, &status) != 0)
		return fail(error, ERROR_SYSTEM, "cannot look at '%s': %s", folder,
			    strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return fail(error, ERROR_SYSTEM, "'%s' is no folder", folder);
	if (status.st_uid != user || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return fail(error, ERROR_SYSTEM, "'%s' is not this user's alone", folder);
	return true;
}

bool control_folder_make(char folder[CONTROL_PATH_MAX], const char *runtime, uid_t user,
			 struct error *error)
{
	bool is_ok = false;
	(void)fail(error, ERROR_SYSTEM, "no folder for a control socket");
	for (int number = 0; !is_ok && number < CONTROL_FOLDERS; number++) {
		if (!control_folder_name(folder, number, runtime, user))
			continue;
		if (mkdir(folder, S_IRWXU) != 0 && errno != EEXIST)
			(void)fail(error, ERROR_SYSTEM, "cannot make '%s': %s", folder,
				   strerror(errno));
		else
			is_ok = control_folder_is_safe(folder, user, error);
	}
	return is_ok;
}

bool control_socket_name(char path[CONTROL_PATH_MAX], const char *folder, int64_t pid,
			 int64_t started)
{
	int length = snprintf(path, CONTROL_PATH_MAX, "%s/%" PRId64 "-%" PRId64 "%s", folder, pid,
			      started, suffix);
	return length > 0 && length < CONTROL_PATH_MAX;
}

static bool digits_take(const char **at, int64_t *number)
{
	char *end = NULL;
	if (**at < '0' || **at > '9')
		return false;
	int errno_before = errno;
	errno = 0;
	*number = strtoll(*at, &end, 10);
	bool is_ok = errno == 0;
	errno = errno_before;
	*at = end;
	return is_ok;
}

bool control_socket_parse(const char *name, int64_t *pid, int64_t *started)
{
	return digits_take(&name, pid) && *name++ == '-' && digits_take(&name, started) &&
	       strcmp(name, suffix) == 0;
}

int64_t process_started(int64_t pid)
{
	char text[STAT_BYTES_MAX];
	(void)snprintf(text, sizeof text, "/proc/%" PRId64 "/stat", pid);
	int file = open(text, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	ssize_t size = read(file, text, sizeof text - 1);
	(void)close(file);
	if (size <= 0)
		return -1;
	text[size] = 0;
	/* The second field is the program's name in parentheses, which may hold anything. */
	const char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < START_FIELD; field++) {
		at = strchr(at, ' ');
		at = at == NULL ? NULL : at + 1;
	}
	return at == NULL ? -1 : strtoll(at, NULL, 10);
}

/* Nobody has it open any more: a connection would be refused at once. */
static bool socket_is_dead(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file < 0)
		return false;
	memcpy(address.sun_path, path, strlen(path));
	bool is_dead = connect(file, (const struct sockaddr *)&address, sizeof address) != 0 &&
		       errno == ECONNREFUSED;
	(void)close(file);
	return is_dead;
}

void control_folder_clean(const char *folder)
{
	char path[CONTROL_PATH_MAX];
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	if (entries == NULL)
		return;
	for (int i = 0; i < ENTRIES_MAX && (entry = readdir(entries)) != NULL; i++) {
		int64_t pid, started;
		if (control_socket_parse(entry->d_name, &pid, &started) &&
		    process_started(pid) != started &&
		    control_socket_name(path, folder, pid, started) && socket_is_dead(path))
			(void)unlink(path);
	}
	(void)closedir(entries);
}
