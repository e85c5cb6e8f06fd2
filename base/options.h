/* SPDX-License-Identifier: MIT */
/*
 * Command lines as data. One table per command says every option once; the parser, `--help`, the
 * man page and the shell completions are made from it.
 *
 *     enum { EXPORT_FORMAT, EXPORT_OUTPUT, EXPORT_OPTION_COUNT };
 *     static const struct option options[EXPORT_OPTION_COUNT] = { [EXPORT_FORMAT] = { ... }, ... };
 *     static const struct option_table table = { .name = "export", .options = options, ... };
 *
 *     struct parsed_line line;
 *     if (parsed_line_begin(&line, &table, argc, argv, &error)) ... parsed_text(&line,
 * EXPORT_FORMAT) ... parsed_line_end(&line);
 *
 * Understood: --name value, --name=value, -x value, -xvalue, flags joined as -ab, and -- before
 * arguments that begin with a hyphen. -h and --help belong to every table without being listed.
 *
 * Thread: tables are constant; a parsed line belongs to one thread.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,		/* no value */
	OPTION_TEXT,		/* any text */
	OPTION_FILE,		/* a path; completed as a file */
	OPTION_FOLDER,		/* a path; completed as a folder */
	OPTION_INTEGER,		/* decimal, within [minimum, maximum] */
	OPTION_CHOICE,		/* one of a list: `choices`, `words` or `choice_at` */
};

struct option_choice {
	const char *name;
	const char *text;	/* what it means; NULL where the option's own text says it */
};

struct option {
	const char *name;	/* without "--"; '_' is written '-' on the command line */
	const char *value;	/* how help calls the value: FILE; NULL for flags and choices */
	const char *text;	/* one sentence, lower case, no full stop */
	const char *fallback; /* default as a person would type it; NULL without, "" is not shown */
	const char *environment;	/* variable that says the same; NULL without */
	const struct option_choice *choices;	/* ends with a NULL name; or NULL and then one of */
	const char *words;			/* the same without meanings: "on|off" */
	bool (*choice_at)(size_t index, struct option_choice *choice);	/* rows of another table */
	int64_t minimum, maximum;	/* of integers */
	enum option_kind kind;
	char letter;		/* 0 without a short form */
	bool is_repeatable;	/* otherwise the last one given wins */
};

struct option_example {
	const char *command;
	const char *text;
};

struct option_table {
	const char *name;		/* of the command; NULL for the program itself */
	const char *summary;		/* one line, lower case */
	const char *arguments;		/* as in usage: "[--] PROGRAM [ARGS]"; NULL without */
	const char *description;	/* paragraphs, divided by empty lines */
	const struct option *options;
	size_t option_count;
	const struct option_example *examples;	/* ends with a NULL command; may be NULL */
	const char *exit_status;	/* where it differs from the other commands'; may be NULL */
	const char *const
		*argument_words; /* what an argument can be, NULL-terminated; NULL: files */
	size_t arguments_min;
	size_t arguments_max;
	bool stops_at_argument;		/* what follows the first argument belongs to a program */
};

struct parsed_option {
	const char **texts;	/* values in the order given; borrowed from argv */
	size_t count;		/* how often the option was given */
	int64_t integer;	/* value or default of an integer */
	const char *text;	/* last value or default; NULL without */
};

struct parsed_line {
	const struct option_table *table;
	struct parsed_option *options;		/* one an option of the table */
	const char **arguments;			/* borrowed from argv */
	size_t argument_count;
	bool wants_help;	/* then nothing else was checked */
};

/* `argv` without the command's name. Fails with ERROR_USAGE; parsed_line_end is due in any case. */
bool parsed_line_begin(struct parsed_line *line, const struct option_table *table, int argc,
		       char *const *argv, struct error *error);
void parsed_line_end(struct parsed_line *line);

/* Whether the option was given; its value or its default. */
bool parsed_flag(const struct parsed_line *line, size_t option);
const char *parsed_text(const struct parsed_line *line, size_t option);
int64_t parsed_integer(const struct parsed_line *line, size_t option);
/* Index of the choice; the default's where nothing was given; -1 without either. */
int parsed_choice(const struct parsed_line *line, size_t option);

/* One choice, however they are listed; false past the last. The name need not be terminated. */
struct option_word {
	const char *name;
	size_t length;
	const char *text;	/* may be NULL */
};

bool option_word_at(const struct option *option, size_t index, struct option_word *word);

/* `name` as it is typed: '_' becomes '-'. */
void option_add_name(struct text *text, const struct option *option);

/* "FILE", or "text|json", or nothing for a flag. */
void option_add_value_name(struct text *text, const struct option *option);

/* "text|json", or with a blank between: "text json". */
void option_add_choices(struct text *text, const struct option *option, char between);

/* "--name VALUE" and the text with range and default, aligned, and `-h, --help` as the last one. */
void options_add_list(struct text *text, const struct option_table *table);

/* The text of an option with its range, default and repetition, as help and man page show it. */
void option_add_text(struct text *text, const struct option *option);

/* The page that `--help` prints; `program` is "laggard". */
void options_add_help(struct text *text, const struct option_table *table, const char *program);

/*
 * Adds `string` in lines of at most `width` bytes, each begun with `indent` spaces, the first one
 * too.
 */
void text_add_wrapped(struct text *text, const char *string, size_t indent, size_t width);

/*
 * The one of `names` (NULL-terminated) that `word` was probably meant to be: the fewest letters
 * added, removed, changed or swapped, at most a third of them (one in a short word); or NULL.
 */
const char *nearest_name(const char *word, const char *const *names);

#endif
