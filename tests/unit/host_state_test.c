/* SPDX-License-Identifier: MIT */
/*
 * The texts of the system about a thread, taken from Linux 6.x, and the files of this very process.
 */
#include "libtrace/host_state.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char stat_text[] =
	"3073 (a (b) c) S 2992 2992 509 0 -1 4194304 135 0 0 0 11 12 0 0 20 0 1 0 3370823 2990080 "
	"425 18446744073709551615 94 94 140 0 0 0 0 6 0 1 0 0 17 7 0 0 0 0 0 94 94 94 140 140 140 "
	"140 0\n";

TEST(a_stat_line_gives_state_and_processor_whatever_the_name_is)
{
	struct host_state state = { .processor = -1 };
	CHECK(host_parse_stat(&state, stat_text, 3073));
	CHECK_INT(state.letter, 'S');
	CHECK_INT(state.processor, 7);
}

TEST(a_stat_line_of_something_else_is_refused)
{
	struct host_state state = { .letter = 'x' };
	CHECK(!host_parse_stat(&state, stat_text, 307));
	CHECK(!host_parse_stat(&state, "", 0));
	CHECK(!host_parse_stat(&state, "3073 sleep S 1", 3073));
	CHECK(!host_parse_stat(&state, "3073 (sleep)", 3073));
	CHECK_INT(state.letter, 'x');
	CHECK(host_parse_stat(&state, "3073 (sleep) R 1 2", 3073));
	CHECK_INT(state.processor, -1);
}

TEST(a_schedstat_line_gives_cpu_time_and_delay)
{
	struct host_state state = { .cpu_ns = -1, .run_delay_ns = -1 };
	CHECK(!host_parse_schedstat(&state, "12"));
	CHECK(!host_parse_schedstat(&state, ""));
	CHECK_INT(state.cpu_ns, -1);
	CHECK(host_parse_schedstat(&state, "9320029 84825114 4\n"));
	CHECK_INT(state.cpu_ns, 9320029);
	CHECK_INT(state.run_delay_ns, 84825114);
}

static const char *wait_of(struct host_state *state, const char *call, const char *channel)
{
	static char text[HOST_WAIT_TEXT_MAX];
	state->letter = 'S';
	state->system_call = HOST_CALL_UNKNOWN;
	(void)host_parse_syscall(state, call);
	host_parse_wchan(state, channel);
	size_t length = host_wait_format(text, state);
	CHECK_INT((int64_t)length, (int64_t)strlen(text));
	return text;
}

TEST(a_wait_has_the_name_of_its_system_call_and_of_its_place)
{
	struct host_state state = { 0 };
	char call[HOST_WAIT_TEXT_MAX];
	(void)snprintf(call, sizeof call, "%d 0x0 0x0 0x7ffe 0x7f03\n", (int)SYS_futex);
	CHECK_TEXT(wait_of(&state, call, "futex_do_wait"), "futex (futex_do_wait)");
	CHECK_TEXT(wait_of(&state, call, "0"), "futex");
	CHECK_TEXT(wait_of(&state, "99999 0x0", "pipe_read"), "system call 99999 (pipe_read)");
	CHECK_TEXT(wait_of(&state, "-1 0x7f 0x7f", "folio_wait_bit\n"),
		   "page fault (folio_wait_bit)");
	CHECK_TEXT(wait_of(&state, "running", "do_sys_poll"), "do_sys_poll");
	CHECK_TEXT(wait_of(&state, "", ""), "");
	CHECK_TEXT(wait_of(&state, "", "a_channel_whose_name_is_longer_than_there_is_room_for"),
		   "a_channel_whose_name_is_longer_than_the");
	state.letter = 'R';
	state.wait_channel[0] = 0;
	CHECK_INT((int64_t)host_wait_format(call, &state), 0);
}

TEST(this_thread_is_seen_running_until_its_files_are_somebody_elses)
{
	struct host_thread_files files;
	struct host_state state;
	unsigned refused = 0;
	CHECK(host_files_open(&files, (int64_t)syscall(SYS_gettid)));
	CHECK(host_state_read(&state, &files, &refused));
	CHECK_INT(state.letter, 'R');
	int64_t cpu_ns = state.cpu_ns;
	CHECK(cpu_ns >= -1 && state.processor >= 0);
	/* A program that closes all files, and opens one of its own with our number. */
	int number = files.files[HOST_FILE_STAT], ends[2];
	CHECK(pipe(ends) == 0 && dup2(ends[0], number) == number);
	CHECK(!host_state_read(&state, &files, &refused));
	host_files_close(&files);
	CHECK(close(number) == 0);	/* it is still there: not ours to close */
}

TEST(a_thread_that_is_not_there_has_no_files)
{
	struct host_thread_files files;
	CHECK(!host_files_open(&files, 1 << 30));
}
