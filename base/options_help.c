/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <inttypes.h>
#include <string.h>

enum {
	PAGE_WIDTH = 79,
	NAME_COLUMN = 28,	/* where the text of an option begins */
	PAGE_LENGTH_MAX = 1 << 16,
};

void option_add_name(struct text *text, const struct option *option)
{
	for (const char *at = option->name; *at != 0; at++)
		text_add_char(text, *at == '_' ? '-' : *at);
}

void option_add_value_name(struct text *text, const struct option *option)
{
	if (option->kind == OPTION_CHOICE)
		option_add_choices(text, option, '|');
	else if (option->value != NULL)
		text_add(text, option->value);
}

void option_add_choices(struct text *text, const struct option *option, char between)
{
	struct option_word word;
	for (size_t i = 0; option_word_at(option, i, &word); i++) {
		if (i > 0)
			text_add_char(text, between);
		text_add_bytes(text, word.name, word.length);
	}
}

/* Bytes of the next line: up to a line end, the last blank or comma that fits, or one long word. */
static size_t line_length(const char *string, size_t room)
{
	size_t length = strcspn(string, "\n");
	if (length <= room)
		return length;
	size_t cut = room;
	while (cut > 0 && string[cut] != ' ' && string[cut - 1] != ',')
		cut--;
	return cut == 0 ? strcspn(string, " \n") : cut;
}

void text_add_wrapped(struct text *text, const char *string, size_t indent, size_t width)
{
	size_t room = width > indent + 10 ? width - indent : 10;
	while (*string != 0) {
		size_t length = line_length(string, room);
		if (length > 0)
			text_add_repeated(text, ' ', indent);
		text_add_bytes(text, string, length);
		text_add_char(text, '\n');
		string += length;
		if (*string == '\n')
			string++;
		else
			while (*string == ' ')
				string++;
	}
}

void option_add_text(struct text *text, const struct option *option)
{
	text_add(text, option->text);
	if (option->kind == OPTION_INTEGER)
		text_add_format(text, " (%" PRId64 " to %" PRId64, option->minimum,
				option->maximum);
	bool has_default = option->fallback != NULL && option->fallback[0] != 0;
	if (has_default)
		text_add_format(text, "%s%s", option->kind == OPTION_INTEGER ? "; default " :
				" (default ", option->fallback);
	if (option->kind == OPTION_INTEGER || has_default)
		text_add_char(text, ')');
	if (option->is_repeatable)
		text_add(text, "; may be given several times");
}

static void add_option(struct text *text, const struct option *option)
{
	size_t begin = text->length;
	if (option->letter != 0)
		text_add_format(text, "  -%c, --", option->letter);
	else
		text_add(text, "      --");
	option_add_name(text, option);
	if (option->kind != OPTION_FLAG)
		text_add_char(text, ' ');
	option_add_value_name(text, option);
	size_t used = text->length - begin;
	struct text body;
	text_begin(&body, PAGE_LENGTH_MAX);
	option_add_text(&body, option);
	if (used + 2 > NAME_COLUMN) {
		text_add_char(text, '\n');
		text_add_wrapped(text, text_string(&body), NAME_COLUMN, PAGE_WIDTH);
	} else {
		struct text wrapped;
		text_begin(&wrapped, PAGE_LENGTH_MAX);
		text_add_wrapped(&wrapped, text_string(&body), NAME_COLUMN, PAGE_WIDTH);
		if (wrapped.length > used)
			text_add(text, text_string(&wrapped) + used);
		text_end(&wrapped);
	}
	text_end(&body);
}

/* What each listed value means, where the table says so. */
static void add_choices(struct text *text, const struct option *option)
{
	struct option_word word;
	struct text meaning;
	if (option->kind != OPTION_CHOICE)
		return;
	text_begin(&meaning, PAGE_LENGTH_MAX);
	for (size_t i = 0; option_word_at(option, i, &word); i++) {
		if (word.text == NULL)
			continue;
		text_clear(&meaning);
		text_add_format(&meaning, "%.*s: %s", (int)word.length, word.name, word.text);
		text_add_wrapped(text, text_string(&meaning), NAME_COLUMN + 2, PAGE_WIDTH);
	}
	text_end(&meaning);
}

void options_add_list(struct text *text, const struct option_table *table)
{
	for (size_t i = 0; i < table->option_count; i++) {
		add_option(text, &table->options[i]);
		add_choices(text, &table->options[i]);
	}
	add_option(text, &(struct option){ .name = "help", .letter = 'h', .text = "this page" });
}

void options_add_help(struct text *text, const struct option_table *table, const char *program)
{
	text_add_format(text, "Usage: %s%s%s [options]%s%s\n\n", program,
			table->name == NULL ? "" : " ", table->name == NULL ? "" : table->name,
			table->arguments == NULL ? "" : " ",
			table->arguments == NULL ? "" : table->arguments);
	text_add_wrapped(text, table->description, 0, PAGE_WIDTH);
	text_add(text, "\nOptions:\n");
	options_add_list(text, table);
	if (table->examples == NULL)
		return;
	text_add(text, "\nExamples:\n");
	for (const struct option_example *example = table->examples; example->command != NULL;
	     example++) {
		text_add_format(text, "  %s\n", example->command);
		text_add_wrapped(text, example->text, 6, PAGE_WIDTH);
	}
}
