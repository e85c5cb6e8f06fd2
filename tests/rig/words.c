/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Copies one escape to *out and returns what stands behind it, NULL if it is broken. */
static const char *escape_copy(const char *in, char **out)
{
	char c = *in++;

	if (c == 'n')
		c = '\n';
	else if (c == 't')
		c = '\t';
	else if (c == 'x') {
		int high = hex_digit(in[0]);
		int low = high < 0 ? -1 : hex_digit(in[1]);

		if (low < 0)
			return NULL;
		c = (char)(high * 16 + low);
		in += 2;
	} else if (c != '"' && c != '\\') {
		return NULL;
	}
	*(*out)++ = c;
	return in;
}

/* Unquotes in place; returns what stands behind the closing quote. */
static char *quoted_take(char *text)
{
	const char *in = text + 1;
	char *out = text;

	while (*in && *in != '"') {
		if (*in == '\\') {
			in = escape_copy(in + 1, &out);
			if (!in)
				return NULL;
		} else {
			*out++ = *in++;
		}
	}
	if (*in != '"')
		return NULL;
	*out = '\0';
	return text + (in + 1 - text);
}

int rig_line_split(char *line, struct rig_word words[RIG_WORDS_MAX])
{
	int count = 0;
	char *at = line;

	for (;;) {
		while (*at == ' ' || *at == '\t' || *at == '\r')
			at++;
		if (!*at || *at == '#')
			return count;
		if (count == RIG_WORDS_MAX)
			return -1;
		struct rig_word *word = &words[count++];

		word->key = at;
		word->value = NULL;
		if (*at == '"') {
			at = quoted_take(at);
			if (!at)
				return -1;
		} else {
			while (*at && *at != '=' && !isspace((unsigned char)*at))
				at++;
			if (*at == '=') {
				*at++ = '\0';
				word->value = at;
				if (*at == '"') {
					at = quoted_take(at);
					if (!at)
						return -1;
				} else {
					while (*at && !isspace((unsigned char)*at))
						at++;
				}
			}
		}
		if (*at && !isspace((unsigned char)*at))
			return -1;
		if (*at)
			*at++ = '\0';
	}
}

bool rig_number_parse(const char *text, int64_t *number, const char **rest)
{
	static const struct {
		const char *suffix;
		int64_t factor;
	} suffixes[] = {
		{ "Ki", 1024 }, { "Mi", 1024 * 1024 }, { "Gi", 1024 * 1024 * 1024 },
		{ "us", 1000 }, { "ms", 1000 * 1000 }, { "ns", 1 },
		{ "k", 1000 }, { "M", 1000 * 1000 }, { "G", 1000 * 1000 * 1000 },
		{ "s", 1000 * 1000 * 1000 },
	};
	char *end = NULL;

	errno = 0;
	*number = strtoll(text, &end, 0);
	if (end == text || errno)
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t length = strlen(suffixes[i].suffix);

		if (!strncmp(end, suffixes[i].suffix, length)) {
			*number *= suffixes[i].factor;
			end += length;
			break;
		}
	}
	if (rest)
		*rest = end;
	return rest || !*end;
}

char *rig_file_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t used = 0, size = 0;

	if (!file)
		return NULL;
	for (;;) {
		if (used + 4096 > size) {
			size = size ? size * 2 : 65536;
			char *grown = realloc(text, size + 1);

			if (!grown)
				goto out;
			text = grown;
		}
		size_t got = fread(text + used, 1, size - used, file);

		used += got;
		if (!got)
			break;
	}
	text[used] = '\0';
out:
	fclose(file);
	return text;
}
