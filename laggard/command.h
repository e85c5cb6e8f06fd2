/* SPDX-License-Identifier: MIT */
/*
 * The commands of laggard: a table of them, each with its option table and its function. A new
 * command is one file command_<name>.c and one row in commands.c.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_COMMAND_H
#define LAGGARD_COMMAND_H

#include "base/error.h"
#include "base/options.h"

#include <stdbool.h>
#include <stddef.h>

enum exit_status {
	EXIT_FINE = 0,
	EXIT_FINDINGS = 1,	/* at or above --fail-on */
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,		/* input or system */
};

/*
 * True: the program ends with `*status` (EXIT_FINE unless set). False: main prints the error and
 * ends with the status of its kind. `typed` is the program's name as it was typed, for lines that
 * say what to type next.
 */
typedef bool (*command_run)(const struct parsed_line *line, const char *typed, int *status,
			    struct error *error);

struct command {
	const struct option_table *table;
	command_run run;
	const char *link; /* a link of this name to the program means this command; NULL without */
	bool is_hidden;		/* not in the list of `laggard --help` */
	bool wants_huge_pages;	/* fills much memory, see huge_pages.h */
	bool is_launcher;	/* signals are left as they are, for the program it runs */
};

/* Ends with a NULL table. */
extern const struct command commands[];

/* Of the program itself: `laggard --version`. */
enum { PROGRAM_VERSION, PROGRAM_OPTION_COUNT };
extern const struct option_table program_table;

/* The first (of NULL) or next command that is listed; NULL after the last. */
const struct command *command_next(const struct command *command);

const struct command *command_find(const char *name);

/* Fails with ERROR_USAGE, naming the nearest command. */
bool command_find_or_fail(const struct command **out, const char *name, struct error *error);

extern const struct option_table run_table;
extern const struct option_table ctl_table;
extern const struct option_table analyze_table;
extern const struct option_table export_table;
extern const struct option_table view_table;
extern const struct option_table explain_table;
extern const struct option_table diff_table;
extern const struct option_table import_table;
extern const struct option_table schema_table;
extern const struct option_table help_table;
extern const struct option_table man_table;
extern const struct option_table completion_table;

bool run_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error);
bool ctl_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error);
bool analyze_command(const struct parsed_line *line, const char *typed, int *status,
		     struct error *error);
bool export_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error);
bool view_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error);
bool explain_command(const struct parsed_line *line, const char *typed, int *status,
		     struct error *error);
bool diff_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error);
bool import_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error);
bool schema_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error);
bool help_command(const struct parsed_line *line, const char *typed, int *status,
		  struct error *error);
bool man_command(const struct parsed_line *line, const char *typed, int *status,
		 struct error *error);
bool completion_command(const struct parsed_line *line, const char *typed, int *status,
			struct error *error);

#endif
