/* SPDX-License-Identifier: MIT */
#include "laggard/command.h"
#include "laggard/talk.h"
#include "tracedb/ceilings.h"
#include "tracedb/derived.h"
#include "tracedb/schema.h"

enum { SCHEMA_FORMAT, SCHEMA_DATABASE, SCHEMA_OUTPUT, SCHEMA_OPTION_COUNT };
enum { FORMAT_MARKDOWN, FORMAT_SQL };
enum { DATABASE_TRACE, DATABASE_ANALYSIS, DATABASE_CEILINGS };
enum { PAGE_LENGTH_MAX = 1 << 22 };

static const struct option_choice formats[] = {
	[FORMAT_MARKDOWN] = { "markdown",
			      "every table and column with its meaning, as in docs/SCHEMA.md" },
	[FORMAT_SQL] = { "sql", "the CREATE TABLE statements" },
	{ NULL, NULL },
};

static const struct option_choice databases[] = {
	[DATABASE_TRACE] = { "trace", "what was recorded" },
	[DATABASE_ANALYSIS] = { "analysis", "what an analysis found, beside the traces" },
	[DATABASE_CEILINGS] = { "ceilings", "what 'laggard calibrate' measured" },
	{ NULL, NULL },
};

static const struct option options[SCHEMA_OPTION_COUNT] = {
	[SCHEMA_FORMAT] = {
		.name = "format", .letter = 'f', .kind = OPTION_CHOICE, .choices = formats,
		.text = "how to write it", .fallback = "markdown",
	},
	[SCHEMA_DATABASE] = {
		.name = "database", .kind = OPTION_CHOICE, .choices = databases,
		.text = "which database the statements make; markdown describes all",
		.fallback = "trace",
	},
	[SCHEMA_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of standard output",
	},
};

static const struct option_example examples[] = {
	{ "laggard schema", "every table and column of a trace database" },
	{ "laggard schema --format sql | sqlite3 empty.db", "an empty database of this layout" },
	{ NULL, NULL },
};

const struct option_table schema_table = {
	.name = "schema",
	.summary = "describe the trace database and what an analysis adds",
	.description =
		"Prints the layout of the SQLite databases that laggard records, reads, and writes "
		"its findings to.",
	.options = options,
	.option_count = SCHEMA_OPTION_COUNT,
	.examples = examples,
};

bool schema_command(const struct parsed_line *line, const char *typed, int *status,
		    struct error *error)
{
	struct text page;
	(void)typed;
	(void)status;
	text_begin(&page, PAGE_LENGTH_MAX);
	if (parsed_choice(line, SCHEMA_FORMAT) == FORMAT_MARKDOWN) {
		schema_add_markdown(&page);
	} else if (parsed_choice(line, SCHEMA_DATABASE) == DATABASE_ANALYSIS) {
		derived_add_create(&page);
	} else if (parsed_choice(line, SCHEMA_DATABASE) == DATABASE_CEILINGS) {
		ceilings_add_create(&page);
	} else {
		text_add_format(&page, "PRAGMA application_id = %d;\nPRAGMA user_version = %d;\n",
				TRACEDB_APPLICATION_ID, TRACEDB_VERSION);
		for (int table = 0; table < TABLE_COUNT; table++)
			schema_add_create(&page, &trace_tables[table]);
	}
	bool ok = result_write(parsed_text(line, SCHEMA_OUTPUT), &page, error);
	text_end(&page);
	return ok;
}
