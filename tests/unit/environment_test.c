/* SPDX-License-Identifier: MIT */
#include "libtrace/environment.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

TEST(only_listed_variables_are_told_and_each_on_one_line)
{
	char text[ENVIRONMENT_TEXT_MAX];
	for (size_t i = 0; i < environment_count; i++)
		(void)unsetenv(environment_names[i]);
	environment_read(text);
	CHECK_TEXT(text, "");
	(void)setenv("NCCL_P2P_DISABLE", "1", 1);
	(void)setenv("CUDA_LAUNCH_BLOCKING", "", 1);
	(void)setenv("NCCL_SOCKET_IFNAME", "eth0\nNCCL_ALGO=Tree", 1);
	(void)setenv("NCCL_SECRET", "x", 1);
	environment_read(text);
	CHECK_TEXT(text, "CUDA_LAUNCH_BLOCKING=\nNCCL_P2P_DISABLE=1\n"
			 "NCCL_SOCKET_IFNAME=eth0 NCCL_ALGO=Tree\n");
}

TEST(long_environment_values_are_cut_and_all_of_them_fit)
{
	static char value[4 * ENVIRONMENT_VALUE_MAX];
	char text[ENVIRONMENT_TEXT_MAX];
	memset(value, 'v', sizeof value - 1);
	size_t lines = 0;
	for (size_t i = 0; i < environment_count; i++)
		(void)setenv(environment_names[i], value, 1);
	environment_read(text);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	CHECK_INT(lines, environment_count);
	CHECK(strlen(text) < sizeof text);
	for (size_t i = 0; i < environment_count; i++)
		(void)unsetenv(environment_names[i]);
}

TEST(no_listed_variable_can_hold_a_secret)
{
	static const char *const words[] = { "TOKEN", "KEY", "SECRET", "PASS", "AUTH", "CRED" };
	for (size_t i = 0; i < environment_count; i++)
		for (size_t word = 0; word < sizeof words / sizeof words[0]; word++)
			CHECK(strstr(environment_names[i], words[word]) == NULL);
}
