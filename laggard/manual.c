/* SPDX-License-Identifier: MIT */
#include "laggard/help.h"
#include "laggard/version.h"
#include "tracedb/derived.h"
#include "tracedb/tables.h"

#include <ctype.h>
#include <string.h>

/*
 * Text of ours inside roff: a backslash begins an escape, a hyphen would print as a typographic
 * one, and a dot or quote at the begin of a line would be a request. Empty lines divide paragraphs.
 */
static void add_roff(struct text *page, const char *string)
{
	bool at_line_begin = true;
	for (; *string != 0; string++) {
		if (string[0] == '\n' && string[1] == '\n') {
			text_add(page, "\n.PP\n");
			string++;
			at_line_begin = true;
			continue;
		}
		if (at_line_begin && (*string == '.' || *string == '\''))
			text_add(page, "\\&");
		at_line_begin = *string == '\n';
		if (*string == '\\')
			text_add(page, "\\e");
		else if (*string == '-')
			text_add(page, "\\-");
		else if (*string == ',' && string[1] > ' ')
			text_add(page, ",\\:");	/* a long list may be broken here */
		else
			text_add_char(page, *string);
	}
}

static void add_upper(struct text *page, const char *string)
{
	for (; *string != 0; string++)
		text_add_char(page, (char)toupper((unsigned char)*string));
}

static void add_header(struct text *page, const char *name, int section, const char *summary)
{
	text_add(page, ".\\\" Made from the option tables by 'laggard man'; do not edit.\n.TH ");
	add_upper(page, name);
	text_add_format(page, " %d \"\" \"laggard %s\" \"laggard\"\n.nh\n.ad l\n"
			".SH NAME\n", section, laggard_version);
	add_roff(page, name);
	text_add(page, " \\- ");
	add_roff(page, summary);
	text_add(page, "\n");
}

static void add_choices(struct text *page, const struct option *option)
{
	struct option_word word;
	if (option->kind != OPTION_CHOICE || !option_word_at(option, 0, &word) || word.text == NULL)
		return;
	text_add(page, ".RS\n");
	for (size_t i = 0; option_word_at(option, i, &word); i++) {
		text_add_format(page, ".TP\n\\fB%.*s\\fR\n", (int)word.length, word.name);
		add_roff(page, word.text == NULL ? "" : word.text);
		text_add_char(page, '\n');
	}
	text_add(page, ".RE\n");
}

static void add_option(struct text *page, const struct option *option)
{
	struct text body;
	text_begin(&body, page->length_max);
	text_add(page, ".TP\n");
	if (option->letter != 0)
		text_add_format(page, "\\fB\\-%c\\fR, ", option->letter);
	text_add(page, "\\fB\\-\\-");
	option_add_name(&body, option);
	add_roff(page, text_string(&body));
	text_add(page, "\\fR");
	text_clear(&body);
	option_add_value_name(&body, option);
	if (option->kind != OPTION_FLAG && body.length > 0) {
		text_add(page, "=\\fI");
		add_roff(page, text_string(&body));
		text_add(page, "\\fR");
	}
	text_add_char(page, '\n');
	text_clear(&body);
	option_add_text(&body, option);
	text_add(&body, ".");
	if (option->environment != NULL)
		text_add_format(&body, " Sets %s.", option->environment);
	add_roff(page, text_string(&body));
	text_add_char(page, '\n');
	text_end(&body);
	add_choices(page, option);
}

static void add_options(struct text *page, const struct option_table *table)
{
	static const struct option help = { .name = "help",
					    .letter = 'h',
					    .text = "print help and end" };
	text_add(page, ".SH OPTIONS\n");
	for (size_t i = 0; i < table->option_count; i++)
		add_option(page, &table->options[i]);
	add_option(page, &help);
}

static void add_exit_status(struct text *page, const char *special)
{
	text_add(page, ".SH EXIT STATUS\n");
	if (special != NULL) {
		add_roff(page, special);
		text_add_char(page, '\n');
		return;
	}
	text_add(page, ".TP\n0\nfine\n.TP\n1\nfindings at or above \\fB\\-\\-fail\\-on\\fR\n"
		       ".TP\n2\nthe command line is wrong\n"
		       ".TP\n3\nan input could not be read, or the system refused\n");
}

static void add_examples(struct text *page, const struct option_example *examples)
{
	if (examples == NULL)
		return;
	text_add(page, ".SH EXAMPLES\n");
	for (; examples->command != NULL; examples++) {
		text_add(page, ".TP\n.B ");
		add_roff(page, examples->command);
		text_add_char(page, '\n');
		add_roff(page, examples->text);
		text_add_char(page, '\n');
	}
}

static void add_see_also(struct text *page, const char *self)
{
	text_add(page, ".SH SEE ALSO\n");
	const char *before = "";
	if (strcmp(self, "laggard") != 0) {
		text_add(page, ".BR laggard (1)");
		before = ",\n";
	}
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command)) {
		if (strcmp(command->table->name, self) == 0)
			continue;
		text_add_format(page, "%s.BR laggard\\-%s (1)", before, command->table->name);
		before = ",\n";
	}
	text_add_format(page, strcmp(self, "trace") == 0 ? "\n" : "%s.BR laggard\\-trace (5)\n",
			before);
}

void command_add_manual(struct text *page, const struct command *command)
{
	const struct option_table *table = command->table;
	struct text name;
	text_begin(&name, page->length_max);
	text_add_format(&name, "laggard-%s", table->name);
	add_header(page, text_string(&name), 1, table->summary);
	text_end(&name);
	text_add(page, ".SH SYNOPSIS\n\\fBlaggard ");
	add_roff(page, table->name);
	text_add(page, "\\fR [\\fIoptions\\fR]");
	if (table->arguments != NULL) {
		text_add(page, " \\fI");
		add_roff(page, table->arguments);
		text_add(page, "\\fR");
	}
	if (command->link != NULL) {
		text_add(page, "\n.br\n\\fB");
		add_roff(page, command->link);
		text_add(page, "\\fR [\\fIoptions\\fR] \\fI");
		add_roff(page, table->arguments);
		text_add(page, "\\fR");
	}
	text_add(page, "\n.SH DESCRIPTION\n");
	add_roff(page, table->description);
	text_add_char(page, '\n');
	add_options(page, table);
	add_exit_status(page, table->exit_status);
	add_examples(page, table->examples);
	add_see_also(page, table->name);
}

void program_add_manual(struct text *page)
{
	add_header(page, "laggard", 1, program_table.summary);
	text_add(page, ".SH SYNOPSIS\n\\fBlaggard\\fR \\fI");
	add_roff(page, program_table.arguments);
	text_add(page, "\\fR\n.SH DESCRIPTION\n");
	add_roff(page, program_table.description);
	text_add(page, "\n.PP\nResults are written to standard output, everything else to standard "
		       "error.\n"
		       ".SH COMMANDS\n");
	for (const struct command *command = command_next(NULL); command != NULL;
	     command = command_next(command)) {
		text_add_format(page, ".TP\n.BR laggard\\-%s (1)\n", command->table->name);
		add_roff(page, command->table->summary);
		text_add_char(page, '\n');
	}
	add_options(page, &program_table);
	add_exit_status(page, NULL);
	text_add(page,
		 ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nif set and not empty, no colours\n"
		 ".TP\n.B LAGGARD_*\nsettings of the recorder; see\n.BR laggard\\-run (1)\n"
		 ".TP\n.B XDG_RUNTIME_DIR\nwhere recorded processes have their sockets for "
		 "\\fBlaggard ctl\\fR, in the folder laggard; without it /tmp/laggard\\-<uid>\n"
		 ".TP\n.B LAGGARD_LIBTRACE\nthe libtrace.so that \\fBlaggard run\\fR preloads\n");
	add_examples(page, program_table.examples);
	add_see_also(page, "laggard");
}

static void add_tables(struct text *page, const struct table_descriptor *tables, size_t count)
{
	for (size_t at = 0; at < count; at++) {
		const struct table_descriptor *table = &tables[at];
		text_add_format(page, ".SS %s\n", table->name);
		add_roff(page, table->doc);
		text_add(page, ".\n");
		for (size_t i = 0; i < table->column_count; i++) {
			const struct column_descriptor *column = &table->columns[i];
			text_add_format(page, ".TP\n\\fB%s\\fR (%s)\n", column->name,
					column->is_key ? "INTEGER PRIMARY KEY" :
					column->type == COLUMN_TYPE_TEXT ? "TEXT" : "INTEGER");
			add_roff(page, column->doc);
			text_add(page, "\n");
		}
	}
}

void trace_add_manual(struct text *page)
{
	add_header(page, "laggard-trace", 5, "the trace database");
	text_add(page, ".SH DESCRIPTION\n");
	text_add_format(
		page,
		"A trace is one SQLite database a process, marked by \\fBPRAGMA application_id\\fR "
		"0x%x and\n"
		"\\fBPRAGMA user_version\\fR %d. All tables are STRICT and hold no NULL: an "
		"unknown number is\n"
		"0 or \\-1 as its column says, an unknown text is empty. Times are integer "
		"nanoseconds since\n"
		"\\fItrace.epoch_ns\\fR. Columns that end in \\fI_id\\fR and name a text point to\n"
		"\\fIstring.string_id\\fR; 0 is the empty text.\n.SH TABLES\n",
		(unsigned)TRACEDB_APPLICATION_ID, TRACEDB_VERSION);
	add_tables(page, trace_tables, TABLE_COUNT);
	text_add_format(
		page,
		".SH THE ANALYSIS DATABASE\n"
		"What an analysis found stands in a file of its own beside the traces, marked by "
		"0x%x and\n"
		"version %d. Points in time are Unix time in nanoseconds, on one clock for all "
		"traces. The\n"
		"view \\fIidle_by_cause\\fR and others answer common questions.\n",
		(unsigned)DERIVED_APPLICATION_ID, DERIVED_VERSION);
	add_tables(page, derived_tables, DERIVED_COUNT);
	add_see_also(page, "trace");
}
