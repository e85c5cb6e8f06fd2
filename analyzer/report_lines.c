/* SPDX-License-Identifier: MIT */
#include "analyzer/report_lines.h"

#include "analyzer/report_table.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the first `columns` characters. */
static size_t prefix_length(const char *line, size_t length, size_t columns)
{
	size_t at = 0;
	for (; columns > 0 && at < length; columns--) {
		size_t size = utf8_sequence_length(line + at, length - at);
		at += size == 0 ? 1 : size;
	}
	return at;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool ends_with(const char *line, size_t at, const char *word)
{
	size_t length = strlen(word);
	return at >= length && memcmp(line + at - length, word, length) == 0;
}

/* A number stays with its unit, and with what it counts: "16.1 %", "GPU 2". */
static bool is_break(const char *line, size_t at)
{
	return line[at] == ' ' && (at == 0 || (!is_digit(line[at - 1]) &&
					       !ends_with(line, at, "GPU") &&
					       !ends_with(line, at, "rank")));
}

size_t line_fitting_length(const char *line, size_t length, size_t columns)
{
	size_t most = prefix_length(line, length, columns);
	if (most >= length)
		return length;
	size_t at = most;
	while (at > 0 && !is_break(line, at))
		at--;
	if (at <= most / 4)
		for (at = most; at > 0 && line[at] != ' ';)
			at--;
	/* A word that fills most of a line is cut: a hole would be worse. */
	return at > most / 4 ? at : most;
}

static void add_line(struct text *out, const char *line, size_t length, size_t columns,
		     size_t indent, size_t hang, size_t begun)
{
	size_t used = begun;
	if (begun == 0) {
		text_add_repeated(out, ' ', indent);
		used = indent;
	}
	for (;;) {
		size_t room = used < columns ? columns - used : 1;
		size_t fitting = line_fitting_length(line, length, room);
		text_add_bytes(out, line, fitting);
		text_add_char(out, '\n');
		fitting += fitting < length && line[fitting] == ' ';
		line += fitting;
		length -= fitting;
		if (length == 0)
			return;
		text_add_repeated(out, ' ', indent + hang);
		used = indent + hang;
	}
}

void lines_add(struct text *out, const char *words, size_t columns, size_t indent, size_t hang,
	       size_t begun)
{
	for (const char *line = words; *line != 0;) {
		const char *end = strchr(line, '\n');
		size_t length = end == NULL ? strlen(line) : (size_t)(end - line);
		add_line(out, line, length, columns, indent, hang, line == words ? begun : 0);
		line += length + (end != NULL);
	}
}
