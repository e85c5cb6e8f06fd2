/* SPDX-License-Identifier: MIT */
#include "libtrace/host_state.h"
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILE_BYTES = 1024 };

const char *const host_file_names[HOST_FILE_COUNT] = {
	[HOST_FILE_STAT] = "stat", [HOST_FILE_SCHEDSTAT] = "schedstat",
	[HOST_FILE_WCHAN] = "wchan", [HOST_FILE_SYSCALL] = "syscall",
};

/* The calls that programs wait in; their numbers differ from one architecture to the other. */
static const struct { long number; const char *name; } calls[] = {
#define CALL(name) { SYS_##name, #name }
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64), CALL(pwrite64),
	CALL(ioctl), CALL(futex), CALL(nanosleep), CALL(clock_nanosleep), CALL(sched_yield),
	CALL(ppoll), CALL(pselect6), CALL(epoll_pwait), CALL(recvfrom), CALL(recvmsg),
	CALL(sendto), CALL(sendmsg), CALL(accept), CALL(accept4), CALL(connect), CALL(wait4),
	CALL(waitid), CALL(fsync), CALL(fdatasync), CALL(flock), CALL(fcntl), CALL(fallocate),
	CALL(openat), CALL(close), CALL(unlinkat), CALL(getdents64), CALL(mmap), CALL(munmap),
	CALL(mprotect), CALL(madvise), CALL(brk), CALL(mlock), CALL(clone), CALL(execve),
	CALL(io_getevents), CALL(rt_sigtimedwait), CALL(restart_syscall), CALL(msgrcv),
	CALL(semtimedop), CALL(exit_group),
#ifdef SYS_poll
	CALL(poll), CALL(select), CALL(epoll_wait), CALL(pause), CALL(open), CALL(stat),
#endif
#ifdef SYS_io_uring_enter
	CALL(io_uring_enter), CALL(clone3),
#endif
#ifdef SYS_futex_waitv
	CALL(futex_waitv),
#endif
#undef CALL
};

bool host_files_open(struct host_thread_files *files, int64_t thread_id)
{
	char path[80];
	files->thread_id = thread_id;
	files->is_ours = true;
	for (int i = 0; i < HOST_FILE_COUNT; i++) {
		(void)snprintf(path, sizeof path, "/proc/self/task/%" PRId64 "/%s", thread_id,
			       host_file_names[i]);
		files->files[i] = descriptor_lift(open(path, O_RDONLY | O_CLOEXEC));
	}
	if (files->files[HOST_FILE_STAT] >= 0)
		return true;
	host_files_close(files);
	return false;
}

void host_files_close(struct host_thread_files *files)
{
	for (int i = 0; i < HOST_FILE_COUNT; i++) {
		if (files->files[i] >= 0 && files->is_ours)
			(void)close(files->files[i]);
		files->files[i] = -1;
	}
}

/* Skips `count` words; NULL when there are fewer. */
static const char *words_skip(const char *at, int count)
{
	for (; count > 0; count--) {
		at = strchr(at, ' ');
		if (at == NULL)
			return NULL;
		at++;
	}
	return at;
}

bool host_parse_stat(struct host_state *state, const char *text, int64_t thread_id)
{
	/* "ID (NAME) STATE ...": a name may hold blanks and brackets. */
	enum { WORDS_TO_PROCESSOR = 36 };
	char *end;
	if (strtoll(text, &end, 10) != thread_id || end == text || strncmp(end, " (", 2) != 0)
		return false;
	const char *at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] < 'A' || at[2] > 'z')
		return false;
	state->letter = at[2];
	at = words_skip(at + 2, WORDS_TO_PROCESSOR);
	long processor = at == NULL ? -1 : strtol(at, NULL, 10);
	state->processor = processor < 0 || processor > INT32_MAX ? -1 : (int32_t)processor;
	return true;
}

bool host_parse_schedstat(struct host_state *state, const char *text)
{
	char *middle, *end;
	long long cpu = strtoll(text, &middle, 10);
	long long delay = strtoll(middle, &end, 10);
	if (middle == text || end == middle || cpu < 0 || delay < 0)
		return false;
	state->cpu_ns = cpu;
	state->run_delay_ns = delay;
	return true;
}

bool host_parse_syscall(struct host_state *state, const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);
	if (end == text || number < HOST_CALL_NONE || number > INT32_MAX)
		return false;	/* "running" */
	state->system_call = (int32_t)number;
	return true;
}

void host_parse_wchan(struct host_state *state, const char *text)
{
	size_t length = strcspn(text, "\n");
	state->wait_channel[0] = 0;
	if (length >= sizeof state->wait_channel)
		length = sizeof state->wait_channel - 1;
	if (length == 0 || (length == 1 && text[0] == '0'))
		return;
	memcpy(state->wait_channel, text, length);
	state->wait_channel[length] = 0;
}

/* 0 or an errno. */
static int file_read(int file, char text[FILE_BYTES])
{
	ssize_t got = pread(file, text, FILE_BYTES - 1, 0);
	text[got < 0 ? 0 : got] = 0;
	return got < 0 ? errno : 0;
}

static bool text_read(struct host_thread_files *files, enum host_file file, unsigned *refused,
		      char text[FILE_BYTES])
{
	if (files->files[file] < 0 || (*refused >> file & 1) != 0)
		return false;
	int failure = file_read(files->files[file], text);
	if (failure == EACCES || failure == EPERM)
		*refused |= 1U << file;
	return failure == 0;
}

bool host_state_read(struct host_state *state, struct host_thread_files *files,
		     unsigned *refused)
{
	char text[FILE_BYTES];
	*state = (struct host_state){
		.processor = -1, .system_call = HOST_CALL_UNKNOWN, .cpu_ns = -1,
		.run_delay_ns = -1,
	};
	int failure = file_read(files->files[HOST_FILE_STAT], text);
	if (failure == ESRCH)
		return false;
	if (failure != 0 || !host_parse_stat(state, text, files->thread_id)) {
		files->is_ours = false;
		return false;
	}
	if (text_read(files, HOST_FILE_SCHEDSTAT, refused, text))
		(void)host_parse_schedstat(state, text);
	if (state->letter == 'R')
		return true;
	if (text_read(files, HOST_FILE_SYSCALL, refused, text))
		(void)host_parse_syscall(state, text);
	if (text_read(files, HOST_FILE_WCHAN, refused, text))
		host_parse_wchan(state, text);
	return true;
}

static const char *call_name(int32_t number)
{
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (calls[i].number == number)
			return calls[i].name;
	return NULL;
}

size_t host_wait_format(char text[HOST_WAIT_TEXT_MAX], const struct host_state *state)
{
	char call[32] = "";
	const char *name = NULL;
	if (state->letter != 'R' && state->system_call == HOST_CALL_NONE)
		name = "page fault";
	else if (state->letter != 'R' && state->system_call >= 0)
		name = call_name(state->system_call);
	if (name != NULL)
		(void)snprintf(call, sizeof call, "%s", name);
	else if (state->letter != 'R' && state->system_call >= 0)
		(void)snprintf(call, sizeof call, "system call %d", (int)state->system_call);
	int length;
	if (call[0] != 0 && state->wait_channel[0] != 0)
		length = snprintf(text, HOST_WAIT_TEXT_MAX, "%s (%s)", call, state->wait_channel);
	else
		length = snprintf(text, HOST_WAIT_TEXT_MAX, "%s%s", call, state->wait_channel);
	return length < 0 ? 0 : (size_t)length;
}
