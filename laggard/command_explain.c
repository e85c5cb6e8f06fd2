/* SPDX-License-Identifier: MIT */
#include "analyzer/analyze.h"
#include "analyzer/finding_explanations.h"
#include "analyzer/report_lines.h"
#include "analyzer/sidecar.h"
#include "analyzer/sidecar_write.h"
#include "laggard/ceilings_file.h"
#include "laggard/command.h"
#include "laggard/input.h"
#include "laggard/locale.h"
#include "laggard/talk.h"
#include "laggard/version.h"
#include "laggard/window.h"
#include "tracedb/derived_query.h"
#include "tracedb/private_copy.h"

#include <string.h>
#include <sys/stat.h>

enum { EXPLAIN_WINDOW, EXPLAIN_OUTPUT, EXPLAIN_OPTION_COUNT };

enum { ROWS_MAX = 20, CELL_COLUMNS = 40, SQL_INDENT = 4 };

static const size_t PAGE_BYTES_MAX = (size_t)1 << 28;

static const struct option options[EXPLAIN_OPTION_COUNT] = {
	[EXPLAIN_WINDOW] = {
		.name = "window", .letter = 'w', .kind = OPTION_TEXT,
		.value = "steady|all|START..END",
		.text = "the time to look at, as for analyze", .fallback = "steady",
	},
	[EXPLAIN_OUTPUT] = {
		.name = "output", .letter = 'o', .kind = OPTION_FILE, .value = "FILE",
		.text = "write to FILE instead of standard output",
	},
};

static const struct option_example examples[] = {
	{ "laggard explain", "all kinds of findings" },
	{ "laggard explain pcie-link", "what it is, how it is found, when it is a warning" },
	{ "laggard explain data-loading traces", "its numbers in these traces, and the evidence" },
	{ NULL, NULL },
};

const struct option_table explain_table = {
	.name = "explain",
	.summary = "say what a finding means, and show the numbers behind it",
	.arguments = "[FINDING [FILE-OR-FOLDER...]]",
	.description =
		"Findings stand in the report of analyze, each with its name in brackets. This "
		"tells how one is computed, from when on it is a warning or an error, and what to "
		"do. With traces they are analysed, and every finding of that name is shown with "
		"its numbers, the question in SQL to the analysis database that shows its "
		"evidence, and the table of the report that it is taken from.\n\n"
		"Without a name all kinds of findings are listed.",
	.options = options,
	.option_count = EXPLAIN_OPTION_COUNT,
	.examples = examples,
	.arguments_max = (size_t)-1,
};

struct evidence {
	const struct parsed_line *traces;
	const char *database;	/* of their analysis */
};

static bool kind_find(const char *name, enum finding_id *id, struct error *error)
{
	const char *names[FINDING_COUNT + 1] = { NULL };
	if (finding_find(name, id))
		return true;
	for (int i = 0; i < FINDING_COUNT; i++)
		names[i] = finding_name((enum finding_id)i);
	const char *nearest = nearest_name(name, names);
	if (nearest == NULL)
		return fail(error, ERROR_USAGE,
			    "there is no finding '%s'; 'laggard explain' lists them", name);
	return fail(error, ERROR_USAGE, "there is no finding '%s'; did you mean '%s'?", name,
		    nearest);
}

/* Columns of numbers stand right: told by the first row. */
static void table_begin_for(struct report_table *table, struct derived_query *query)
{
	struct text headers;
	text_begin(&headers, PAGE_BYTES_MAX);
	size_t columns = derived_query_column_count(query);
	for (size_t c = 0; c < columns && c < TABLE_COLUMNS_MAX; c++)
		text_add_format(&headers, "%s%s%s", c == 0 ? "" : "|",
				derived_query_is_number(query, c) ? "" : "<",
				derived_query_column_name(query, c));
	table_begin(table, text_string(&headers));
	text_end(&headers);
}

static bool rows_add(struct text *page, const char *path, const char *sql, struct error *error)
{
	struct derived_query *query = NULL;
	struct report_table table;
	int result = 0, rows = 0;
	if (!derived_query_open(&query, path, sql, error))
		return false;
	while (rows < ROWS_MAX && (result = derived_query_next(query, error)) == 1) {
		if (rows++ == 0)
			table_begin_for(&table, query);
		for (size_t c = 0; c < table.column_count; c++) {
			name_add(table_open_cell(&table), derived_query_text(query, c),
				 CELL_COLUMNS);
			table_close_cell(&table);
		}
	}
	if (rows > 0) {
		table_add_plain(page, &table, REPORT_COLUMNS_MAX, locale_is_utf8());
		table_end(&table);
	}
	if (result == 0 && rows == 0)
		text_add(page, "  (no rows)\n");
	derived_query_close(query);
	return result >= 0;
}

/*
 * How to ask it again: of the database that analyze writes into a folder, or of one that it is told
 * to write.
 */
static void command_add(struct text *page, const struct parsed_line *traces, const char *sql)
{
	struct stat status;
	struct text path;
	text_begin(&path, PAGE_BYTES_MAX);
	if (traces->argument_count == 1 && stat(traces->arguments[0], &status) == 0 &&
	    S_ISDIR(status.st_mode))
		sidecar_add_path(&path, traces->arguments[0]);
	else
		text_add(&path, SIDECAR_NAME);
	text_add(page, "Evidence, after laggard analyze --database ");
	text_add_shell_word(page, text_string(&path));
	text_add(page, ":\n  sqlite3 ");
	text_add_shell_word(page, text_string(&path));
	text_add(page, " \"\n");
	lines_add(page, sql, REPORT_COLUMNS_MAX, SQL_INDENT, 0, 0);
	text_add(page, "  \"\n");
	text_end(&path);
}

static bool evidence_add(struct text *page, const struct report *report,
			 const struct finding *finding, const struct evidence *evidence,
			 struct error *error)
{
	struct text sql;
	text_begin(&sql, PAGE_BYTES_MAX);
	finding_add_evidence(&sql, report, finding);
	bool ok = true;
	if (sql.length > 0) {
		command_add(page, evidence->traces, text_string(&sql));
		ok = rows_add(page, evidence->database, text_string(&sql), error);
	}
	text_end(&sql);
	return ok;
}

static bool findings_add(struct text *page, const struct report *report, enum finding_id id,
			 const struct evidence *evidence, struct error *error)
{
	const struct report_style style = { .format = REPORT_TEXT,
					    .has_unicode = locale_is_utf8() };
	size_t found = 0;
	explanation_add_kind(page, id);
	for (size_t i = 0; i < report->finding_count; i++) {
		if (report->findings[i].id != id)
			continue;
		text_add_char(page, '\n');
		explanation_add_finding(page, report, &report->findings[i]);
		if (!evidence_add(page, report, &report->findings[i], evidence, error))
			return false;
		found++;
	}
	if (found == 0)
		text_add(page, "\nNot found in these traces.\n");
	explanation_add_table(page, report, id, &style);
	return true;
}

/* The rows come from a database of this very analysis, which is gone afterwards. */
static bool report_explain(struct text *page, const struct report *report, enum finding_id id,
			   const struct parsed_line *traces, struct error *error)
{
	const struct sidecar_origin origin = { .tool_version = laggard_version, .options = "" };
	char *folder = NULL;
	struct text path;
	if (!private_folder_make(&folder, error))
		return false;
	text_begin(&path, PAGE_BYTES_MAX);
	text_add_format(&path, "%s/" SIDECAR_NAME, folder);
	const struct evidence evidence = { traces, text_string(&path) };
	bool ok = sidecar_write(report, text_string(&path), &origin, error) &&
		  findings_add(page, report, id, &evidence, error);
	text_end(&path);
	private_folder_remove(folder);
	return ok;
}

static bool traces_explain(struct text *page, enum finding_id id, const struct parsed_line *line,
			   int *status, struct error *error)
{
	/* The name in front is no trace. */
	struct parsed_line traces = *line;
	struct trace_set *set = NULL;
	struct report *report = NULL;
	struct window window;
	struct ceilings_files ceilings;
	traces.arguments++;
	traces.argument_count--;
	if (!window_parse(&window, parsed_text(line, EXPLAIN_WINDOW), true, error) ||
	    !input_check_output(&traces, parsed_text(line, EXPLAIN_OUTPUT), error) ||
	    !input_open(&set, &traces, error))
		return false;
	bool ok = ceilings_files_take(&ceilings, NULL, traces.arguments, traces.argument_count,
				      error);
	const struct analyze_options analyze = {
		.window = window_kind_of(&window),
		.window_start_ns = window.start_ns,
		.window_end_ns = window.end_ns,
		.keeps_pieces = true,
		.ceilings = ceilings.items,
		.ceilings_count = ceilings.count,
	};
	ok = ok && analyze_traces(set, &analyze, &report, error) &&
		  report_explain(page, report, id, &traces, error);
	if (ok && input_say_broken(set))
		*status = EXIT_INPUT;
	report_close(report);
	trace_set_close(set);
	ceilings_files_give(&ceilings);
	return ok;
}

bool explain_command(const struct parsed_line *line, const char *typed, int *status,
		     struct error *error)
{
	struct text page;
	enum finding_id id;
	bool ok = true;
	(void)typed;
	text_begin(&page, PAGE_BYTES_MAX);
	if (line->argument_count == 0)
		explanations_add_list(&page);
	else {
		ok = kind_find(line->arguments[0], &id, error);
		if (ok && line->argument_count == 1)
			explanation_add_kind(&page, id);
		else if (ok)
			ok = traces_explain(&page, id, line, status, error);
	}
	ok = ok && (text_is_ok(&page) || fail(error, ERROR_SYSTEM, "no memory for the page"));
	ok = ok && result_write(parsed_text(line, EXPLAIN_OUTPUT), &page, error);
	text_end(&page);
	return ok;
}
