/* SPDX-License-Identifier: MIT */
#include "analyzer/report_table.h"

#include "tracedb/demangle.h"

#include <assert.h>
#include <string.h>

enum { NAME_COLUMNS_MIN = 8 };

static const size_t CELLS_BYTES_MAX = (size_t)1 << 30;

void table_begin(struct report_table *table, const char *headers)
{
	*table = (struct report_table){ .column_count = 0 };
	text_begin(&table->cells, CELLS_BYTES_MAX);
	for (const char *at = headers; at != NULL;) {
		const char *bar = strchr(at, '|');
		assert(table->column_count < TABLE_COLUMNS_MAX);
		table->is_left[table->column_count++] = *at == '<';
		at += *at == '<';
		text_add_bytes(table_open_cell(table), at,
			       bar == NULL ? strlen(at) : (size_t)(bar - at));
		table_close_cell(table);
		at = bar == NULL ? NULL : bar + 1;
	}
}

void table_end(struct report_table *table)
{
	text_end(&table->cells);
}

struct text *table_open_cell(struct report_table *table)
{
	return &table->cells;
}

void table_close_cell(struct report_table *table)
{
	text_add_bytes(&table->cells, "", 1);
	table->cell_count++;
}

void table_add(struct report_table *table, const char *words)
{
	text_add(table_open_cell(table), words);
	table_close_cell(table);
}

/* Takes every `part` out of `name`. */
static void name_remove(char *name, const char *part)
{
	size_t length = strlen(part);
	for (char *at = strstr(name, part); at != NULL; at = strstr(at, part))
		memmove(at, at + length, strlen(at + length) + 1);
}

void table_add_kernel(struct report_table *table, const char *name, size_t columns_max)
{
	char readable[DEMANGLE_BYTES], shown[DEMANGLE_BYTES];
	size_t length = strlen(name = demangle_symbol(name, readable, sizeof readable));
	length = length < sizeof shown ? length : sizeof shown - 1;
	memcpy(shown, name, length);
	shown[length] = 0;
	name_remove(shown, "at::native::");
	name_add(table_open_cell(table), strncmp(shown, "void ", 5) == 0 ? shown + 5 : shown,
		 columns_max);
	table_close_cell(table);
}

/* Control characters, C1 among them (two bytes, c2 80 to c2 9f), would move a terminal's cursor. */
static bool is_control(const char *at)
{
	unsigned char first = (unsigned char)at[0];
	return first < 0x20 || first == 0x7f || (first == 0xc2 && (unsigned char)at[1] < 0xa0);
}

void name_add(struct text *out, const char *name, size_t columns_max)
{
	size_t length = strlen(name);
	bool is_cut = text_columns(name, length) > columns_max;
	size_t columns = is_cut ? columns_max - 3 : columns_max;
	for (size_t i = 0; i < length && columns > 0; columns--) {
		size_t size = utf8_sequence_length(name + i, length - i);
		if (size == 0 || is_control(name + i))
			text_add_char(out, '?');
		else
			text_add_bytes(out, name + i, size);
		i += size == 0 ? 1 : size;
	}
	if (is_cut)
		text_add(out, "...");
}

size_t text_columns(const char *string, size_t length)
{
	size_t columns = 0;
	for (size_t i = 0; i < length; columns++) {
		size_t size = utf8_sequence_length(string + i, length - i);
		i += size == 0 ? 1 : size;
	}
	return columns;
}

static void find_widths(const struct report_table *table, size_t *widths)
{
	const char *cell = text_string(&table->cells);
	for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
		size_t columns = text_columns(cell, strlen(cell));
		if (columns > widths[i % table->column_count])
			widths[i % table->column_count] = columns;
	}
}

/* Takes columns from the widest names until the table fits; numbers are never cut. */
static void narrow_widths(const struct report_table *table, size_t columns_max, size_t *widths)
{
	size_t columns = 0;
	for (size_t c = 0; c < table->column_count; c++)
		columns += 2 + widths[c];
	while (columns > columns_max) {
		size_t widest = SIZE_MAX;
		for (size_t c = 0; c < table->column_count; c++)
			if (table->is_left[c] && widths[c] > NAME_COLUMNS_MIN &&
			    (widest == SIZE_MAX || widths[c] > widths[widest]))
				widest = c;
		if (widest == SIZE_MAX)
			return;
		widths[widest]--;
		columns--;
	}
}

static void add_rule(struct text *out, const struct report_table *table, const size_t *widths,
		     bool has_unicode)
{
	text_add(out, "  ");
	for (size_t c = 0; c < table->column_count; c++) {
		if (c > 0)
			text_add(out, "  ");
		for (size_t i = 0; i < widths[c]; i++)
			text_add(out, has_unicode ? "\u2500" : "-");
	}
	text_add_char(out, '\n');
}

static void add_cell(struct text *out, const char *cell, size_t width, bool is_left, bool is_last)
{
	size_t length = strlen(cell), columns = text_columns(cell, length);
	size_t padding = columns < width ? width - columns : 0;
	text_add(out, "  ");
	if (!is_left)
		text_add_repeated(out, ' ', padding);
	if (columns > width)
		name_add(out, cell, width);
	else
		text_add_bytes(out, cell, length);
	if (is_left && !is_last)
		text_add_repeated(out, ' ', padding);
	if (!is_last)
		return;
	while (out->length > 0 && out->bytes[out->length - 1] == ' ')
		out->length--;
	text_add_char(out, '\n');
}

void table_add_plain(struct text *out, const struct report_table *table, size_t columns_max,
		     bool has_unicode)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	const char *cell = text_string(&table->cells);
	if (!text_is_ok(&table->cells)) {
		out->failed = true;
		return;
	}
	find_widths(table, widths);
	narrow_widths(table, columns_max, widths);
	for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
		size_t column = i % table->column_count;
		if (column == 0 &&
		    (i == table->column_count ||
		     (table->has_sum_row && i + table->column_count == table->cell_count)))
			add_rule(out, table, widths, has_unicode);
		add_cell(out, cell, widths[column], table->is_left[column],
			 column + 1 == table->column_count);
	}
}

void markdown_add(struct text *out, const char *words)
{
	for (; *words != 0; words++) {
		if (*words == '<')
			text_add(out, "&lt;");
		else if (*words == '&')
			text_add(out, "&amp;");
		else if (strchr("\\`*_|[]#~", *words) != NULL) {
			text_add_char(out, '\\');
			text_add_char(out, *words);
		} else
			text_add_char(out, *words);
	}
}

void table_add_markdown(struct text *out, const struct report_table *table)
{
	const char *cell = text_string(&table->cells);
	if (!text_is_ok(&table->cells)) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
		size_t column = i % table->column_count;
		if (i == table->column_count) {
			for (size_t c = 0; c < table->column_count; c++)
				text_add(out, table->is_left[c] ? "| --- " : "| ---: ");
			text_add(out, "|\n");
		}
		text_add(out, "| ");
		markdown_add(out, cell);
		text_add(out, column + 1 == table->column_count ? " |\n" : " ");
	}
}
