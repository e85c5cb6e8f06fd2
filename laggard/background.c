/* SPDX-License-Identifier: MIT */
#include "laggard/background.h"

#include "tracedb/private_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDERS_OPEN_MAX = 16 };

sigset_t background_signals(void)
{
	sigset_t signals;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGCHLD);
	return signals;
}

static bool folder_receive(int from, char folder[PATH_MAX])
{
	size_t size = 0;
	while (size < PATH_MAX) {
		ssize_t got = read(from, folder + size, PATH_MAX - size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	return size > 0 && folder[size - 1] == 0;
}

static _Noreturn void child_run(int from, pid_t parent, background_work work, void *context)
{
	char folder[PATH_MAX];
	sigset_t signals = background_signals();
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || !folder_receive(from, folder) ||
	    setenv("TMPDIR", folder, 1) != 0)
		_exit(EXIT_FAILURE);
	int status = work(context, folder);
	(void)fflush(NULL);
	_exit(status);
}

bool background_begin(struct background *background, background_work work, void *context,
		      struct error *error)
{
	int ends[2];
	pid_t parent = getpid();
	*background = (struct background){ .go = -1 };
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(error, ERROR_SYSTEM, "cannot make a pipe: %s", strerror(errno));
	/* Inherited as ignored, it would make the kernel throw away the child's status. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		(void)close(ends[1]);
		child_run(ends[0], parent, work, context);
	}
	(void)close(ends[0]);
	if (child < 0) {
		(void)close(ends[1]);
		return fail(error, ERROR_SYSTEM, "cannot start a process: %s", strerror(errno));
	}
	background->child = child;
	background->go = ends[1];
	return true;
}

bool background_go(struct background *background, struct error *error)
{
	if (!private_folder_make(&background->folder, error))
		return false;
	size_t size = strlen(background->folder) + 1;
	bool ok = write(background->go, background->folder, size) == (ssize_t)size ||
		  fail(error, ERROR_SYSTEM, "cannot start the work: %s", strerror(errno));
	(void)close(background->go);
	background->go = -1;
	return ok;
}

bool background_is_over(struct background *background, int *status)
{
	int how;
	if (background->child <= 0 || waitpid(background->child, &how, WNOHANG) == 0)
		return false;
	background->child = 0;
	*status = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
	return true;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	(void)remove(path);
	return 0;
}

void background_end(struct background *background)
{
	if (background->go >= 0)
		(void)close(background->go);
	background->go = -1;
	if (background->child > 0) {
		(void)kill(background->child, SIGTERM);
		while (waitpid(background->child, NULL, 0) < 0 && errno == EINTR)
			continue;
		background->child = 0;
	}
	if (background->folder != NULL)
		(void)nftw(background->folder, entry_remove, FOLDERS_OPEN_MAX,
			   FTW_DEPTH | FTW_PHYS);
	private_folder_remove(background->folder);
	background->folder = NULL;
}
