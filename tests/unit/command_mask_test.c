/* SPDX-License-Identifier: MIT */
#include "libtrace/command_mask.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <string.h>

/* `command` has its arguments separated by '|'. */
static const char *masked(const char *command)
{
	static char text[1024];
	char arguments[1024];
	size_t length = strlen(command);
	for (size_t i = 0; i <= length; i++)
		arguments[i] = command[i] == '|' ? 0 : command[i];
	command_mask(text, sizeof text, arguments, length + 1);
	return text;
}

TEST(a_command_without_secrets_is_recorded_as_it_is)
{
	static const char *const commands[] = {
		"python|train.py|--lr=0.1|--tokenizer=/data/tok|--max-tokens=2048|--batch|8",
		"torchrun|--nproc-per-node=4|--rdzv-endpoint=localhost:29500|train.py",
		"python|-m|torch.distributed.run|--master_addr=10.0.0.1|--monitor|on",
		"./train|http://10.0.0.1:8080/data?x=1|user@host:/path|key|token",
	};
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		char wanted[256];
		(void)snprintf(wanted, sizeof wanted, "%s", commands[i]);
		for (char *at = wanted; *at != 0; at++)
			*at = *at == '|' ? ' ' : *at;
		CHECK_TEXT(masked(commands[i]), wanted);
	}
}

TEST(the_value_of_a_secret_name_is_masked)
{
	CHECK_TEXT(masked("x|--token=abc|y"), "x --token=*** y");
	CHECK_TEXT(masked("x|--hf_token=abc=="), "x --hf_token=***");
	CHECK_TEXT(masked("env|WANDB_API_KEY=abc|x"), "env WANDB_API_KEY=*** x");
	CHECK_TEXT(masked("x|wandb.apiKey=abc|lr=1"), "x wandb.apiKey=*** lr=1");
	CHECK_TEXT(masked("x|--authtoken=abc"), "x --authtoken=***");
	CHECK_TEXT(masked("x|--db-password=a b"), "x --db-password=*** b");
	CHECK_TEXT(masked("x|--AWS_SECRET_ACCESS_KEY=abc"), "x --AWS_SECRET_ACCESS_KEY=***");
	CHECK_TEXT(masked("x|--my-credentials:abc"), "x --my-credentials:***");
}

TEST(the_argument_after_a_secret_option_is_masked)
{
	CHECK_TEXT(masked("x|--api-key|abc|y"), "x --api-key *** y");
	CHECK_TEXT(masked("x|--password|abc"), "x --password ***");
	CHECK_TEXT(masked("x|--token|--verbose|y"), "x --token --verbose y");
	CHECK_TEXT(masked("x|--token"), "x --token");
}

TEST(secrets_inside_of_arguments_are_masked)
{
	CHECK_TEXT(masked("x|{\"api_key\": \"abc\", \"lr\": 1}"), "x {\"api_key\":***, \"lr\": 1}");
	CHECK_TEXT(masked("python|-c|token='abc'; run(token)"), "python -c token=***; run(token)");
	CHECK_TEXT(masked("x|-H|Authorization: Bearer abc"), "x -H Authorization:***");
	CHECK_TEXT(masked("x|https://u:p@host/y?token=abc&z=1"),
		   "x https://***@host/y?token=***&z=1");
	CHECK_TEXT(masked("x|hf_abcdefghijklmnopqrst"), "x ***");
	CHECK_TEXT(masked("x|--login=sk-abcdefghijklmnopqrst"), "x --login=***");
	CHECK_TEXT(masked("x|sk-short"), "x sk-short");
}

TEST(a_command_line_of_any_length_and_bytes_fits)
{
	char arguments[300], text[64];
	memset(arguments, 'a', sizeof arguments);
	command_mask(text, sizeof text, arguments, sizeof arguments);
	CHECK_INT(strlen(text), sizeof text - 1);
	command_mask(text, sizeof text, "", 0);
	CHECK_TEXT(text, "");
	command_mask(text, sizeof text, "a\nb\0\0c", 6);
	CHECK_TEXT(text, "a b  c");
	for (size_t size = 1; size < sizeof text; size++) {
		command_mask(text, size, "--token=abc\0key=1\0://@", 22);
		CHECK(strlen(text) < size);
	}
}
