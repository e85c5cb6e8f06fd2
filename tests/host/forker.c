/* SPDX-License-Identifier: MIT */
/*
 * A host that forks and leaves in every way: a child by exit, one by _exit, one by exec, one by
 * vfork and a failed exec, one by quick_exit. It prints what each said and ended with, so that any
 * difference shows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void at_exit(void)
{
	printf("exit handler of %s\n", getenv("FORKER") == NULL ? "parent" : "child");
	fflush(stdout);
}

static void child_run(const char *way)
{
	setenv("FORKER", way, 1);
	printf("child: %s\n", way);
	fflush(stdout);
	if (strcmp(way, "exit") == 0)
		exit(3);
	if (strcmp(way, "_exit") == 0)
		_exit(4);
	if (strcmp(way, "_Exit") == 0)
		_Exit(5);
	if (strcmp(way, "quick_exit") == 0)
		quick_exit(6);
	if (strcmp(way, "exec") == 0)
		execlp("sh", "sh", "-c", "echo from the shell; exit 7", (char *)NULL);
	abort();
}

int main(void)
{
	static const char *const ways[] = { "exit", "_exit", "_Exit", "quick_exit", "exec" };
	int status = 0;
	atexit(at_exit);
	errno = 0;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		fflush(stdout);
		pid_t child = fork();
		if (child == 0)
			child_run(ways[i]);
		waitpid(child, &status, 0);
		printf("%s: status %d, errno %d\n", ways[i], WEXITSTATUS(status), errno);
	}
	fflush(stdout);
	pid_t child = vfork();
	if (child == 0) {
		execl("/nonexistent/program", "program", (char *)NULL);
		_exit(9);
	}
	waitpid(child, &status, 0);
	printf("vfork: status %d\n", WEXITSTATUS(status));
	return 11;
}
