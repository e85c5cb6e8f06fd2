/* SPDX-License-Identifier: MIT */
/*
 * A tool that only says on stderr when it is loaded, called and unloaded: what the CUDA driver does
 * with a library in CUDA_INJECTION64_PATH. COUNTING_ANSWER is what InitializeInjection returns (1).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *line)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}

__attribute__((constructor)) static void loaded(void)
{
	say("tool: loaded\n");
}

__attribute__((destructor)) static void unloaded(void)
{
	say("tool: unloaded\n");
}

int InitializeInjection(void);
int InitializeInjection(void)
{
	const char *answer = getenv("COUNTING_ANSWER");
	say("tool: called\n");
	return answer == NULL || *answer != '0';
}
