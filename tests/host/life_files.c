/* SPDX-License-Identifier: MIT */
/* What programs do to descriptors, folders and identities while they are recorded. */
#include "life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN_FILES = 64, TAKEN_MAX = 64 };

extern char **environ;

/* Descriptors whose file is a trace database or beside one. */
static int descriptors_of_trace(int taken[TAKEN_MAX])
{
	char name[64], target[4096];
	int count = 0;
	DIR *folder = opendir("/proc/self/fd");
	for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		snprintf(name, sizeof name, "/proc/self/fd/%.20s", entry->d_name);
		ssize_t length = readlink(name, target, sizeof target - 1);
		if (length <= 0)
			continue;
		target[length] = 0;
		if (strstr(target, ".trace.db") != NULL && count < TAKEN_MAX)
			taken[count++] = (int)strtol(entry->d_name, NULL, 10);
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

static void name_of(char name[32], int i)
{
	snprintf(name, 32, "own-%02d.txt", i);
}

/* Exactly what the program wrote, byte for byte. */
static void own_file_check(int i)
{
	char name[32], wanted[4096], got[8192];
	name_of(name, i);
	memset(wanted, 'a' + i % 26, sizeof wanted);
	int file = open(name, O_RDONLY);
	ssize_t length = read(file, got, sizeof got);
	close(file);
	if (length != (ssize_t)sizeof wanted || memcmp(got, wanted, sizeof wanted) != 0)
		life_fail("%s is not what it was: %zd bytes", name, length);
}

static int own_file_open(int i)
{
	char name[32], bytes[4096];
	name_of(name, i);
	memset(bytes, 'a' + i % 26, sizeof bytes);
	int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || write(file, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
		life_fail("cannot write %s: %s", name, strerror(errno));
	return file;
}

/*
 * As a daemon does, all descriptors are closed; then every number that a trace had becomes one of
 * the program's own files, open for writing.
 */
static void closes_all(void)
{
	int taken[TAKEN_MAX], files[OWN_FILES];
	life_begin(0);
	life_ranges(3000);
	life_rest();
	int count = descriptors_of_trace(taken);
	printf("low numbers: %d\n", count > 0 && taken[0] < 100);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	for (int i = 0; i < OWN_FILES; i++)
		files[i] = own_file_open(i);
	printf("first number: %d\n", files[0]);
	for (int i = 0; i < count; i++)
		if (fcntl(taken[i], F_GETFD) < 0 &&
		    dup2(files[i % OWN_FILES], taken[i]) != taken[i])
			life_fail("dup2: %s", strerror(errno));
	life_ranges(3000);
	life_rest();
	life_ranges(3000);
	for (int i = 0; i < OWN_FILES; i++)
		own_file_check(i);
}

/*
 * Again and again, while records flow. No file is forced on the exact number of a trace here:
 * between the look at a descriptor and its use there is about a microsecond in which nobody could
 * see that.
 */
static void closes_often(void)
{
	life_begin(0);
	for (int round = 0; round < 60; round++) {
		life_ranges(2000);
		usleep(20000);
		syscall(SYS_close_range, 3u, ~0u, 0u);
		(void)own_file_open(round % OWN_FILES);
	}
	life_rest();
	for (int i = 0; i < 60; i++)
		own_file_check(i);
}

/* The traces are gone altogether: nobody can go on writing them. */
static void removes_folder(void)
{
	int taken[TAKEN_MAX];
	life_begin(0);
	life_ranges(1000);
	life_rest();
	(void)!system("rm -rf traces");
	if (getenv("LIFE_CLOSE") != NULL) {
		descriptors_of_trace(taken);
		syscall(SYS_close_range, 3u, ~0u, 0u);
	}
	life_ranges(1000);
	life_rest();
	life_ranges(1000);
}

/* The numbers that the program's own files get are those without us. */
static void numbers(void)
{
	int before = open("/dev/null", O_RDONLY);
	life_begin(0);
	life_ranges(1000);
	life_rest();
	int after = open("/dev/null", O_RDONLY);
	printf("numbers follow: %d\n", after == before + 1);
	/* A sanitizer or the driver may hold one or two. */
	if (after > before + 3)
		life_fail("number %d after %d", after, before);
}

static void few_descriptors(void)
{
	const struct rlimit limit = { 12, 12 };
	setrlimit(RLIMIT_NOFILE, &limit);
	life_begin(0);
	life_ranges(1000);
	life_rest();
	life_ranges(1000);
}

static void other_folder(void)
{
	life_begin(0);
	life_ranges(1000);
	if (mkdir("elsewhere", 0700) != 0 || chdir("elsewhere") != 0)
		life_fail("chdir: %s", strerror(errno));
	life_rest();
	life_ranges(1000);
}

static void other_root(void)
{
	life_begin(0);
	life_ranges(1000);
	life_rest();
	if (mkdir("root", 0700) != 0 || chroot("root") != 0 || chdir("/") != 0) {
		printf("cannot: %s\n", strerror(errno));
		return;
	}
	life_ranges(1000);
	life_rest();
}

static void other_user(void)
{
	life_begin(0);
	life_ranges(1000);
	life_rest();
	if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0) {
		printf("cannot: %s\n", strerror(errno));
		return;
	}
	life_ranges(1000);
	life_rest();
}

static void tight_umask(void)
{
	umask(0777);
	life_begin(0);
	life_ranges(1000);
}

static int status_of(pid_t child)
{
	int status = -1;
	if (child <= 0 || waitpid(child, &status, 0) != child)
		life_fail("no child: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Children of every kind, while records flow; each says its line, and the parent records on. */
static void children(void)
{
	char *const shell[] = { "sh", "-c", "echo spawned; exit 3", NULL };
	pid_t child;
	life_begin(0);
	life_ranges(1000);
	fflush(stdout);
	if (posix_spawnp(&child, "sh", NULL, NULL, shell, environ) != 0)
		life_fail("posix_spawn");
	printf("posix_spawn: %d\n", status_of(child));
	life_ranges(1000);
	fflush(stdout);
	child = vfork();
	if (child == 0) {
		execvp("sh", shell);
		_exit(9);
	}
	printf("vfork, exec: %d\n", status_of(child));
	child = vfork();
	if (child == 0)
		_exit(4);
	printf("vfork, _exit: %d\n", status_of(child));
	life_ranges(1000);
	for (int i = 0; i < 20; i++) {
		child = fork();
		if (child == 0) {
			life_ranges(100);	/* a worker's: of no interest */
			if (i % 2 == 0)
				_exit(5);
			execvp("true", (char *const[]){ "true", NULL });
		}
		life_ranges(50);
		if (status_of(child) != (i % 2 == 0 ? 5 : 0))
			life_fail("child %d", i);
	}
	printf("forked\n");
	fflush(stdout);
	printf("system: %d\n", WEXITSTATUS(system("exit 6")));
}

const struct life_mode life_files[] = {
	{ "closes-all", closes_all }, { "closes-often", closes_often },
	{ "removes-folder", removes_folder }, { "numbers", numbers },
	{ "few-descriptors", few_descriptors }, { "other-folder", other_folder },
	{ "other-root", other_root }, { "other-user", other_user },
	{ "tight-umask", tight_umask }, { "children", children }, { NULL, NULL },
};
