/* SPDX-License-Identifier: MIT */
#include "libtrace/settings.h"
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

static int complaints;
static char complained[64];

static void count_complaint(const struct setting *setting, const char *value)
{
	(void)value;
	complaints++;
	(void)strncpy(complained, setting->variable, sizeof complained - 1);
}

static void clear_all(void)
{
	for (size_t i = 0; i < settings_count; i++)
		(void)unsetenv(settings_table[i].variable);
	complaints = 0;
}

TEST(every_setting_has_a_valid_default_and_a_text)
{
	struct settings settings;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		CHECK(strncmp(setting->variable, "LAGGARD_", 8) == 0);
		CHECK(setting_parse(setting, setting->initial, &settings));
		CHECK(setting->text[0] != 0);
		CHECK((setting->kind == SETTING_CHOICE) == (setting->choices[0] != 0));
	}
}

TEST(settings_without_environment_are_the_defaults)
{
	struct settings settings;
	clear_all();
	settings_read(&settings, count_complaint);
	CHECK_INT(complaints, 0);
	CHECK_TEXT(settings.output, ".");
	CHECK(settings.enabled && settings.nvtx && settings.nccl && settings.nvml &&
	      !settings.verbose);
	CHECK_INT(settings.api, API_CHOICE_ALL);
	CHECK_INT(settings.graphs, GRAPH_CHOICE_NODE);
	CHECK_INT(settings.memory_mb, 128);
	CHECK_TEXT(settings.cupti, "");
}

TEST(settings_are_read_from_the_environment)
{
	struct settings settings;
	clear_all();
	(void)setenv("LAGGARD_OUTPUT", "traces/%h-%r", 1);
	(void)setenv("LAGGARD_ENABLED", "Off", 1);
	(void)setenv("LAGGARD_API", "LAUNCHES", 1);
	(void)setenv("LAGGARD_GRAPHS", "graph", 1);
	(void)setenv("LAGGARD_FLUSH_MS", "10", 1);
	(void)setenv("LAGGARD_API_SKIP", "", 1);
	settings_read(&settings, count_complaint);
	CHECK_INT(complaints, 0);
	CHECK_TEXT(settings.output, "traces/%h-%r");
	CHECK(!settings.enabled);
	CHECK_INT(settings.api, API_CHOICE_LAUNCHES);
	CHECK_INT(settings.graphs, GRAPH_CHOICE_GRAPH);
	CHECK_INT(settings.flush_ms, 10);
	CHECK_TEXT(settings.api_skip, "");
}

TEST(a_bad_setting_is_complained_about_once_and_its_default_used)
{
	static const struct { const char *variable, *value;
	} bad[] = {
		{ "LAGGARD_FLUSH_MS", "9" },	 { "LAGGARD_FLUSH_MS", "10001" },
		{ "LAGGARD_FLUSH_MS", "100ms" }, { "LAGGARD_FLUSH_MS", " 100" },
		{ "LAGGARD_FLUSH_MS", "+100" },	 { "LAGGARD_FLUSH_MS", "99999999999999999999" },
		{ "LAGGARD_FLUSH_MS", "-1" },	 { "LAGGARD_API", "launch" },
		{ "LAGGARD_API", "all|off" },	 { "LAGGARD_NVTX", "maybe" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct settings settings;
		clear_all();
		(void)setenv(bad[i].variable, bad[i].value, 1);
		settings_read(&settings, count_complaint);
		CHECK_INT(complaints, 1);
		CHECK_TEXT(complained, bad[i].variable);
		CHECK_INT(settings.flush_ms, 250);
		CHECK_INT(settings.api, API_CHOICE_ALL);
		CHECK(settings.nvtx);
	}
}

TEST(a_setting_that_is_too_long_is_refused)
{
	struct settings settings;
	char value[SETTING_TEXT_MAX + 1];
	clear_all();
	memset(value, 'x', sizeof value);
	value[SETTING_TEXT_MAX] = 0;
	(void)setenv("LAGGARD_OUTPUT", value, 1);
	settings_read(&settings, count_complaint);
	CHECK_INT(complaints, 1);
	CHECK_TEXT(settings.output, ".");
	value[SETTING_TEXT_MAX - 1] = 0;
	(void)setenv("LAGGARD_OUTPUT", value, 1);
	settings_read(&settings, count_complaint);
	CHECK_INT(complaints, 1);
	CHECK_TEXT(settings.output, value);
}

TEST(settings_are_told_as_one_line_each)
{
	struct settings settings;
	struct text text;
	clear_all();
	(void)setenv("LAGGARD_COMMIT_MS", "77", 1);
	settings_read(&settings, NULL);
	text_begin(&text, 65536);
	settings_add_text(&settings, &text);
	CHECK_CONTAINS(text_string(&text), "LAGGARD_OUTPUT=.\n");
	CHECK_CONTAINS(text_string(&text), "LAGGARD_COMMIT_MS=77\n");
	CHECK_CONTAINS(text_string(&text), "LAGGARD_API=all\n");
	CHECK_CONTAINS(text_string(&text), "LAGGARD_NVML=on\n");
	text_clear(&text);
	for (size_t i = 0; i < settings_count; i++) {
		if (strcmp(settings_table[i].variable, "LAGGARD_API") == 0)
			setting_add_range(&settings_table[i], &text);
	}
	CHECK_TEXT(text_string(&text), "all, launches or off");
	text_end(&text);
}

TEST(a_span_is_two_numbers_or_one)
{
	static const struct { const char *text; int64_t first, last; } good[] = {
		{ "3-7", 3, 7 }, { "3..7", 3, 7 }, { "0", 0, 0 }, { "5-5", 5, 5 },
	};
	static const char *const bad[] = {
		"-",     "3-", "-3", "3-2", "a", "3 - 7", "3-7x", "3.7", "99999999999999999999",
		"3...7",
	};
	const struct setting *setting = NULL;
	static struct settings settings;
	for (size_t i = 0; i < settings_count; i++)
		if (strcmp(settings_table[i].variable, "LAGGARD_STEPS") == 0)
			setting = &settings_table[i];
	CHECK(setting != NULL);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		CHECK(setting_parse(setting, good[i].text, &settings));
		CHECK(settings.steps.is_given);
		CHECK_INT(settings.steps.first, good[i].first);
		CHECK_INT(settings.steps.last, good[i].last);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!setting_parse(setting, bad[i], &settings));
	CHECK_INT(settings.steps.first, 5);	/* as it was */
	CHECK(setting_parse(setting, "", &settings));
	CHECK(!settings.steps.is_given);
}
