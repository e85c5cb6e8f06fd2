/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_LENGTH_MAX = 48, /* of words compared by nearest_name; longer ones are never near */
	MESSAGE_LENGTH_MAX = 512,
};

/* One pass over argv. */
struct line_parser {
	struct parsed_line *line;
	const struct option_table *table;
	char *const *argv;
	int argc;
	int at;
};

/* Table names may be C identifiers (rows of a settings table); '-' and '_' are then the same. */
static char name_char(char c)
{
	return c == '_' ? '-' : c;
}

static bool name_is_equal(const char *name, const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] == 0 || name_char(name[i]) != name_char(word[i]))
			return false;
	return name[length] == 0;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Insertions, deletions, changes and swaps of neighbours that turn `a` into `b`; letter case is
 * free.
 */
static size_t name_distance(const char *a, const char *b)
{
	size_t length_a = strlen(a);
	size_t length_b = strlen(b);
	if (length_a > NAME_LENGTH_MAX || length_b > NAME_LENGTH_MAX)
		return SIZE_MAX;
	size_t rows[3][NAME_LENGTH_MAX + 1];	/* two rows back, one row back, now */
	for (size_t j = 0; j <= length_b; j++)
		rows[1][j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		rows[2][0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			char x = name_char((char)tolower((unsigned char)a[i - 1]));
			char y = name_char((char)tolower((unsigned char)b[j - 1]));
			size_t best = rows[1][j - 1] + (x != y);
			best = least(best, least(rows[1][j], rows[2][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = least(best, rows[0][j - 2] + 1);
			rows[2][j] = best;
		}
		memcpy(rows[0], rows[1], sizeof rows[0]);
		memcpy(rows[1], rows[2], sizeof rows[1]);
	}
	return rows[1][length_b];
}

const char *nearest_name(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	size_t limit = strlen(word) < 6 ? 1 : strlen(word) / 3;
	for (size_t i = 0; names[i] != NULL; i++) {
		/*
		 * A word cut short is near whatever it began, if it is long enough to mean
		 * something.
		 */
		size_t distance = name_distance(word, names[i]);
		if (distance > 1 && strlen(word) >= 3 && strncmp(word, names[i], strlen(word)) == 0)
			distance = 1;
		if (distance <= limit) {
			nearest = names[i];
			limit = distance == 0 ? 0 : distance - 1;
		}
		if (distance == 0)
			break;
	}
	return nearest;
}

/* Length of the option's name in a word like "--name=value". */
static size_t word_name_length(const char *word)
{
	return strcspn(word, "=");
}

static bool fail_unknown_option(const struct option_table *table, const char *word,
				struct error *error)
{
	size_t count = table->option_count;
	const char **names = calloc(count + 2, sizeof *names);
	char name[NAME_LENGTH_MAX + 1];
	size_t length = least(word_name_length(word + 2), NAME_LENGTH_MAX);
	const char *nearest = NULL;
	memcpy(name, word + 2, length);
	name[length] = 0;
	if (names != NULL) {
		for (size_t i = 0; i < count; i++)
			names[i] = table->options[i].name;
		names[count] = "help";
		nearest = nearest_name(name, names);
	}
	free(names);
	if (nearest == NULL)
		return fail(error, ERROR_USAGE, "unknown option '--%s'", name);
	struct text typed;
	text_begin(&typed, NAME_LENGTH_MAX * 2);
	option_add_name(&typed, &(struct option){ .name = nearest });
	(void)fail(error, ERROR_USAGE, "unknown option '--%s'; did you mean '--%s'?", name,
		   text_string(&typed));
	text_end(&typed);
	return false;
}

static bool word_of(const struct option_choice *choice, struct option_word *word)
{
	if (choice->name == NULL)
		return false;
	*word = (struct option_word){ choice->name, strlen(choice->name), choice->text };
	return true;
}

bool option_word_at(const struct option *option, size_t index, struct option_word *word)
{
	struct option_choice choice = { NULL, NULL };
	if (option->choice_at != NULL)
		return option->choice_at(index, &choice) && word_of(&choice, word);
	if (option->choices != NULL) {
		for (size_t i = 0; i < index; i++)
			if (option->choices[i].name == NULL)
				return false;
		return word_of(&option->choices[index], word);
	}
	const char *at = option->words;
	for (size_t i = 0; i < index; i++) {
		at += strcspn(at, "|");
		if (*at++ == 0)
			return false;
	}
	*word = (struct option_word){ at, strcspn(at, "|"), NULL };
	return true;
}

/* "'text', 'json' or 'markdown'" */
static void add_choice_list(struct text *text, const struct option *option)
{
	struct option_word word, next;
	for (size_t i = 0; option_word_at(option, i, &word); i++) {
		const char *before = i == 0                                 ? ""
				     : option_word_at(option, i + 1, &next) ? ", "
									    : " or ";
		text_add_format(text, "%s'%.*s'", before, (int)word.length, word.name);
	}
}

static int choice_index(const struct option *option, const char *value)
{
	struct option_word word;
	for (int i = 0; option_word_at(option, (size_t)i, &word); i++)
		if (strlen(value) == word.length && memcmp(value, word.name, word.length) == 0)
			return i;
	return -1;
}

/* How messages call an option. */
static const char *spoken_name(struct text *text, const struct option *option)
{
	text_begin(text, MESSAGE_LENGTH_MAX);
	text_add(text, "--");
	option_add_name(text, option);
	return text_string(text);
}

static bool check_integer(const struct option *option, const char *value, int64_t *out,
			  struct error *error)
{
	char *end = NULL;
	errno = 0;
	intmax_t number = strtoimax(value, &end, 10);
	bool is_number = end != value && *end == 0 && !isspace((unsigned char)value[0]);
	struct text name;
	if (is_number && errno == 0 && number >= option->minimum && number <= option->maximum) {
		*out = number;
		return true;
	}
	(void)fail(error, ERROR_USAGE,
		   "option '%s' takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
		   spoken_name(&name, option), option->minimum, option->maximum, value);
	text_end(&name);
	return false;
}

static bool check_choice(const struct option *option, const char *value, struct error *error)
{
	if (choice_index(option, value) >= 0)
		return true;
	struct text name, list;
	text_begin(&list, MESSAGE_LENGTH_MAX);
	add_choice_list(&list, option);
	(void)fail(error, ERROR_USAGE, "option '%s' takes %s, not '%s'", spoken_name(&name, option),
		   text_string(&list), value);
	text_end(&name);
	text_end(&list);
	return false;
}

static bool fail_about(const struct option *option, const char *what, struct error *error)
{
	struct text name;
	(void)fail(error, ERROR_USAGE, "option '%s' %s", spoken_name(&name, option), what);
	text_end(&name);
	return false;
}

static bool take_value(struct parsed_line *line, size_t index, const char *value,
		       struct error *error)
{
	const struct option *option = &line->table->options[index];
	struct parsed_option *parsed = &line->options[index];
	switch (option->kind) {
	case OPTION_INTEGER:
		if (!check_integer(option, value, &parsed->integer, error))
			return false;
		break;
	case OPTION_CHOICE:
		if (!check_choice(option, value, error))
			return false;
		break;
	case OPTION_FILE:
	case OPTION_FOLDER:
		if (value[0] == 0)
			return fail_about(option, "takes a path, not an empty text", error);
		break;
	case OPTION_FLAG:
	case OPTION_TEXT:
		break;
	}
	const char **texts = realloc(parsed->texts, (parsed->count + 1) * sizeof *texts);
	if (texts == NULL)
		return fail(error, ERROR_SYSTEM, "memory is short for the command line");
	texts[parsed->count++] = value;
	parsed->texts = texts;
	parsed->text = value;
	return true;
}

/* The word after an option that takes a value. */
static bool take_next(struct line_parser *parser, size_t index, struct error *error)
{
	if (parser->at >= parser->argc)
		return fail_about(&parser->table->options[index], "takes a value", error);
	return take_value(parser->line, index, parser->argv[parser->at++], error);
}

static bool parse_long(struct line_parser *parser, const char *word, struct error *error)
{
	const struct option_table *table = parser->table;
	size_t length = word_name_length(word + 2);
	const char *value = word[2 + length] == '=' ? word + 3 + length : NULL;
	if (length == 4 && memcmp(word + 2, "help", 4) == 0) {
		parser->line->wants_help = value == NULL;
		return value == NULL ||
		       fail(error, ERROR_USAGE, "option '--help' takes no value");
	}
	for (size_t i = 0; i < table->option_count; i++) {
		if (!name_is_equal(table->options[i].name, word + 2, length))
			continue;
		bool is_flag = table->options[i].kind == OPTION_FLAG;
		if (is_flag && value != NULL)
			return fail_about(&table->options[i], "takes no value", error);
		if (is_flag || value != NULL)
			return take_value(parser->line, i, is_flag ? "" : value, error);
		return take_next(parser, i, error);
	}
	return fail_unknown_option(table, word, error);
}

static bool option_find_letter(const struct option_table *table, char letter, size_t *index)
{
	for (*index = 0; *index < table->option_count; ++*index)
		if (table->options[*index].letter == letter)
			return true;
	return false;
}

/* "-o", "-oFILE", "-vv": flags may be joined; the first one with a value takes the rest. */
static bool parse_letters(struct line_parser *parser, const char *word, struct error *error)
{
	for (const char *at = word + 1; *at != 0; at++) {
		size_t index;
		if (*at == 'h') {
			parser->line->wants_help = true;
			return true;
		}
		if (!option_find_letter(parser->table, *at, &index))
			return word[2] == 0 ?
				fail(error, ERROR_USAGE, "unknown option '%s'", word) :
				fail(error, ERROR_USAGE, "unknown option '-%c' in '%s'", *at, word);
		if (parser->table->options[index].kind != OPTION_FLAG) {
			if (at[1] != 0)
				return take_value(parser->line, index, at + 1, error);
			return take_next(parser, index, error);
		}
		if (!take_value(parser->line, index, "", error))
			return false;
	}
	return true;
}

/* Defaults stand in the table as a person would type them; one that does not parse is our bug. */
static bool parse_defaults(struct parsed_line *line, struct error *error)
{
	for (size_t i = 0; i < line->table->option_count; i++) {
		const struct option *option = &line->table->options[i];
		line->options[i].text = option->fallback;
		if (option->fallback != NULL && option->kind == OPTION_INTEGER &&
		    !check_integer(option, option->fallback, &line->options[i].integer, error))
			return false;
	}
	return true;
}

static bool parse_words(struct line_parser *parser, struct error *error)
{
	struct parsed_line *line = parser->line;
	bool only_arguments = false;
	while (parser->at < parser->argc && !line->wants_help) {
		const char *word = parser->argv[parser->at++];
		if (!only_arguments && strcmp(word, "--") == 0) {
			only_arguments = true;
		} else if (only_arguments || word[0] != '-' || word[1] == 0) {
			line->arguments[line->argument_count++] = word;
			only_arguments = only_arguments || parser->table->stops_at_argument;
		} else if (word[1] == '-') {
			if (!parse_long(parser, word, error))
				return false;
		} else if (!parse_letters(parser, word, error)) {
			return false;
		}
	}
	return true;
}

/* "FILE is missing", from "[--] FILE..." */
static bool fail_missing(const char *arguments, struct error *error)
{
	while (*arguments == '[')
		arguments += strcspn(arguments, " ") + 1;
	return fail(error, ERROR_USAGE, "%.*s is missing", (int)strcspn(arguments, " ."),
		    arguments);
}

bool parsed_line_begin(struct parsed_line *line, const struct option_table *table, int argc,
		       char *const *argv, struct error *error)
{
	*line = (struct parsed_line){ .table = table };
	line->options = calloc(table->option_count + 1, sizeof *line->options);
	line->arguments = calloc((size_t)argc + 1, sizeof *line->arguments);
	if (line->options == NULL || line->arguments == NULL)
		return fail(error, ERROR_SYSTEM, "memory is short for the command line");
	struct line_parser parser = { .line = line, .table = table, .argv = argv, .argc = argc };
	if (!parse_defaults(line, error) || !parse_words(&parser, error))
		return false;
	if (line->wants_help)
		return true;
	if (line->argument_count < table->arguments_min)
		return fail_missing(table->arguments, error);
	if (line->argument_count > table->arguments_max)
		return fail(error, ERROR_USAGE, "unexpected argument '%s'",
			    line->arguments[table->arguments_max]);
	return true;
}

void parsed_line_end(struct parsed_line *line)
{
	if (line->options != NULL)
		for (size_t i = 0; i < line->table->option_count; i++)
			free(line->options[i].texts);
	free(line->options);
	free(line->arguments);
	*line = (struct parsed_line){ .table = line->table };
}

bool parsed_flag(const struct parsed_line *line, size_t option)
{
	return line->options[option].count != 0;
}

const char *parsed_text(const struct parsed_line *line, size_t option)
{
	return line->options[option].text;
}

int64_t parsed_integer(const struct parsed_line *line, size_t option)
{
	return line->options[option].integer;
}

int parsed_choice(const struct parsed_line *line, size_t option)
{
	const char *value = line->options[option].text;
	return value == NULL ? -1 : choice_index(&line->table->options[option], value);
}
