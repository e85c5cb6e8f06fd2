/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what people type. The first byte chooses a command, a setting of libtrace, a time
 * window or a list of kinds; the rest are words, one a line.
 */
#include "base/options.h"
#include "laggard/command.h"
#include "laggard/window.h"
#include "libtrace/settings.h"
#include "tests/fuzz/fuzz.h"
#include "viewer-export/export.h"

#include <stdlib.h>
#include <string.h>

const char *const fuzz_name = "options";

enum { WORDS_MAX = 64 };

/* Any byte but NUL can be typed: a message shows it so that it does no harm. */
static void require_usage(const struct error *error)
{
	fuzz_require(error->kind == ERROR_USAGE && error->message[0] != 0,
		     "a usage error says why");
	for (const char *at = error->message; *at != 0; at++)
		fuzz_require((unsigned char)*at >= 0x20 && *at != 0x7f,
			     "an error is one line without control characters");
}

static void parse_words(const struct option_table *table, char *const *words, int count)
{
	struct parsed_line line;
	struct error error = { 0 };
	bool ok = parsed_line_begin(&line, table, count, words, &error);
	if (!ok)
		require_usage(&error);
	for (size_t i = 0; ok && !line.wants_help && i < table->option_count; i++) {
		const struct option *option = &table->options[i];
		const char *text = parsed_text(&line, i);
		if (option->kind == OPTION_INTEGER &&
		    (parsed_flag(&line, i) || option->fallback != NULL))
			fuzz_require(parsed_integer(&line, i) >= option->minimum &&
					     parsed_integer(&line, i) <= option->maximum,
				     "integers lie in their range");
		if (option->kind == OPTION_CHOICE && parsed_flag(&line, i))
			fuzz_require(parsed_choice(&line, i) >= 0, "a choice is one of them");
		fuzz_require(text == NULL || strlen(text) < SIZE_MAX, "values are texts");
	}
	if (ok && !line.wants_help)
		fuzz_require(line.argument_count >= table->arguments_min &&
				     line.argument_count <= table->arguments_max,
			     "as many arguments as the command takes");
	parsed_line_end(&line);
}

static void parse_setting(size_t index, const char *value)
{
	static struct settings settings;
	const struct setting *setting = &settings_table[index % settings_count];
	struct text text;
	(void)setting_parse(setting, setting->initial, &settings);
	if (setting_parse(setting, value, &settings) && setting->kind == SETTING_INTEGER) {
		int64_t number;
		memcpy(&number, (const char *)&settings + setting->offset, sizeof number);
		fuzz_require(number >= setting->low && number <= setting->high,
			     "integers lie in their range");
	}
	text_begin(&text, 1 << 16);
	setting_add_range(setting, &text);
	settings_add_text(&settings, &text);
	fuzz_require(text_is_ok(&text), "settings fit");
	text_end(&text);
}

static void parse_small(uint8_t choice, const char *word)
{
	struct error error = { 0 };
	struct window window;
	unsigned kinds;
	struct text text;
	bool ok = choice % 2 == 0 ? window_parse(&window, word, choice % 4 == 0, &error) :
				    export_kinds_parse(word, &kinds, &error);
	if (!ok)
		require_usage(&error);
	else if (choice % 2 == 0 && !window.is_all)
		fuzz_require(window.start_ns <= window.end_ns, "a window begins before it ends");
	text_begin(&text, 1 << 20);
	text_add_wrapped(&text, word, choice % 90, 1 + choice % 80u);
	text_add_json(&text, word);
	text_add_html(&text, word);
	text_end(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *words[WORDS_MAX], *copy = malloc(size + 1);
	size_t command_count = 0;
	int count = 0;
	fuzz_require(copy != NULL, "memory");
	memcpy(copy, bytes, size);
	copy[size] = 0;
	uint8_t choice = size == 0 ? 0 : bytes[0];
	for (char *at = copy + (size > 0); count < WORDS_MAX;) {
		char *end = strchr(at, '\n');
		words[count++] = at;
		if (end == NULL)
			break;
		*end = 0;
		at = end + 1;
	}
	while (commands[command_count].table != NULL)
		command_count++;
	if (choice < 'a')
		parse_words(choice % 8 == 7 ? &program_table :
					      commands[choice % command_count].table, words, count);
	else if (choice < 'w')
		parse_setting(choice, words[0]);
	else
		parse_small(choice, words[0]);
	free(copy);
	return 0;
}
