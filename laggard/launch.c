/* SPDX-License-Identifier: MIT */
#include "laggard/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a person or a batch system sends to a job. */
static const int passed_on[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };

enum { PASSED_ON_COUNT = sizeof passed_on / sizeof passed_on[0] };

/*
 * In the child: never returns. The reason of a failed exec goes through the pipe, which a good one
 * closes.
 */
static _Noreturn void child_exec(char *const *argv, const sigset_t *mask,
				 const struct sigaction *on_child_end, int pipe_end)
{
	(void)sigaction(SIGCHLD, on_child_end, NULL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	int reason = errno;
	ssize_t written = write(pipe_end, &reason, sizeof reason);
	(void)written;
	_exit(LAUNCH_NOT_FOUND);
}

/*
 * The signals are blocked and taken one by one, so that there is no handler and no race. From the
 * terminal they came to the whole process group: then the program has them already.
 */
static int wait_and_pass_on(pid_t child, const sigset_t *waited)
{
	for (;;) {
		int status;
		siginfo_t origin;
		pid_t ended = waitpid(child, &status, WNOHANG);
		if (ended == child)
			return WIFSIGNALED(status) ? LAUNCH_SIGNAL_BASE + WTERMSIG(status) :
						     WEXITSTATUS(status);
		if (ended < 0 && errno != EINTR)
			return LAUNCH_SIGNAL_BASE;
		int number = sigwaitinfo(waited, &origin);
		if (number > 0 && number != SIGCHLD && origin.si_code <= 0)
			(void)kill(child, number);
	}
}

/* 0, or the errno of the failed exec. */
static int exec_result(int pipe_end)
{
	int reason = 0;
	ssize_t got;
	do {
		got = read(pipe_end, &reason, sizeof reason);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof reason ? reason : 0;
}

static bool fail_start(const char *name, int reason, int *status, struct error *error)
{
	*status = reason == ENOENT || reason == ENOTDIR ? LAUNCH_NOT_FOUND : LAUNCH_NOT_EXECUTABLE;
	return fail(error, ERROR_INPUT, "cannot run '%s': %s", name,
		    reason == ENOENT && strchr(name, '/') == NULL ? "command not found"
								  : strerror(reason));
}

bool launch_program(char *const *argv, int *status, struct error *error)
{
	sigset_t waited, before;
	int ends[2];
	*status = 0;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(error, ERROR_SYSTEM, "cannot make a pipe: %s", strerror(errno));
	(void)sigemptyset(&waited);
	for (size_t i = 0; i < PASSED_ON_COUNT; i++)
		(void)sigaddset(&waited, passed_on[i]);
	(void)sigaddset(&waited, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &waited, &before);
	/* Inherited as ignored, it would make the kernel throw away the child's status. */
	struct sigaction on_child_end, by_default = { .sa_handler = SIG_DFL };
	(void)sigaction(SIGCHLD, &by_default, &on_child_end);
	pid_t child = fork();
	if (child == 0)
		child_exec(argv, &before, &on_child_end, ends[1]);
	int reason = errno;
	(void)close(ends[1]);
	if (child > 0) {
		reason = exec_result(ends[0]);
		*status = wait_and_pass_on(child, &waited);
	}
	(void)close(ends[0]);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (child < 0)
		return fail(error, ERROR_SYSTEM, "cannot start a process: %s", strerror(reason));
	return reason == 0 || fail_start(argv[0], reason, status, error);
}

/* The file that execvp would take. */
static bool program_find(char path[PATH_MAX], const char *name)
{
	if (strchr(name, '/') != NULL)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	const char *folders = getenv("PATH");
	for (; folders != NULL && *folders != 0; folders += *folders == ':') {
		size_t length = strcspn(folders, ":");
		int size = snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folders, name);
		if (size > 0 && size < PATH_MAX && access(path, X_OK) == 0)
			return true;
		folders += length;
	}
	return false;
}

static bool has_interpreter(int file, const Elf64_Ehdr *header)
{
	for (size_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr segment;
		off_t place = (off_t)(header->e_phoff + i * sizeof segment);
		if (pread(file, &segment, sizeof segment, place) != (ssize_t)sizeof segment)
			return true;	/* odd: say nothing */
		if (segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

const char *launch_preload_obstacle(const char *name)
{
	char path[PATH_MAX];
	Elf64_Ehdr header;
	struct stat status;
	if (!program_find(path, name))
		return NULL;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return NULL;
	const char *obstacle = NULL;
	if (fstat(file, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0 &&
	    geteuid() != 0)
		obstacle = "it changes its user id, and the loader then ignores LD_PRELOAD";
	else if (pread(file, &header, sizeof header, 0) != (ssize_t)sizeof header ||
		 memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		obstacle = NULL; /* a script: its interpreter counts, and that one is dynamic */
	else if (header.e_ident[EI_CLASS] != ELFCLASS64)
		obstacle = "it is no 64-bit program";
	else if (!has_interpreter(file, &header))
		obstacle = "it is statically linked, and LD_PRELOAD does not reach it";
	(void)close(file);
	return obstacle;
}
