/* SPDX-License-Identifier: MIT */
/*
 * What a thread of this process does at the moment, as the system says it: its files below
 * /proc/self/task are kept open and read again and again, without allocating anything.
 *
 * The host may close files that it does not know, and its next file then has our number: all of a
 * thread's files count as gone as soon as `stat` does not begin with the thread's id, and are not
 * closed then.
 *
 * Thread: one thread a struct; the functions that parse are pure.
 */
#ifndef LIBTRACE_HOST_STATE_H
#define LIBTRACE_HOST_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOST_WAIT_MAX = 40, HOST_CALL_UNKNOWN = -3, HOST_CALL_NONE = -1 };

struct host_state {
	char letter;			/* R, S, D, ... */
	int32_t processor;		/* that it last ran on, -1 if unknown */
	int32_t system_call;		/* number; HOST_CALL_NONE: waits outside of one */
	int64_t cpu_ns, run_delay_ns;	/* so far; -1 if unknown */
	char wait_channel[HOST_WAIT_MAX];	/* "" if unknown, or not waiting */
};

enum host_file { HOST_FILE_STAT, HOST_FILE_SCHEDSTAT, HOST_FILE_WCHAN, HOST_FILE_SYSCALL,
	HOST_FILE_COUNT };

extern const char *const host_file_names[HOST_FILE_COUNT];

struct host_thread_files {
	int64_t thread_id;
	int files[HOST_FILE_COUNT];	/* -1: not open */
	bool is_ours;			/* nobody else closed them */
};

/* False: there is no such thread (any more), or no file can be opened. */
bool host_files_open(struct host_thread_files *files, int64_t thread_id);
void host_files_close(struct host_thread_files *files);

/* False: the thread has ended, or the files are gone. `refused` gets a bit for each file that may
 * not be read: it is not tried again. */
bool host_state_read(struct host_state *state, struct host_thread_files *files,
		     unsigned *refused);

/* The texts of the files. False: no such text; `state` is as it was. */
bool host_parse_stat(struct host_state *state, const char *text, int64_t thread_id);
bool host_parse_schedstat(struct host_state *state, const char *text);
bool host_parse_syscall(struct host_state *state, const char *text);
void host_parse_wchan(struct host_state *state, const char *text);

/*
 * What it waits in, for a person: "futex (futex_do_wait)", "read (pipe_read)", "page fault", ""
 * where nothing is known or it does not wait. The length.
 */
enum { HOST_WAIT_TEXT_MAX = 96 };
size_t host_wait_format(char text[HOST_WAIT_TEXT_MAX], const struct host_state *state);

#endif
