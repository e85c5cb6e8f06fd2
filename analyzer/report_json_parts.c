/* SPDX-License-Identifier: MIT */
#include "analyzer/report_json_parts.h"

#include "analyzer/report_numbers.h"

enum { RATIO_DECIMALS = 12 };

/* Members and items follow each other with a comma, except after an opening bracket. */
void json_next(struct text *out)
{
	if (out->length == 0 || text_string(out)[out->length - 1] == '{' ||
	    text_string(out)[out->length - 1] == '[')
		return;
	text_add_char(out, ',');
}

void json_key(struct text *out, const char *key)
{
	json_next(out);
	text_add_json(out, key);
	text_add_char(out, ':');
}

void json_open(struct text *out, const char *key, char bracket)
{
	json_key(out, key);
	text_add_char(out, bracket);
}

/* An item of a list, on a line of its own. */
void json_open_item(struct text *out)
{
	json_next(out);
	text_add(out, "\n  {");
}

void json_integer(struct text *out, const char *key, int64_t value)
{
	json_key(out, key);
	text_add_integer(out, value);
}

void json_null(struct text *out, const char *key)
{
	json_key(out, key);
	text_add(out, "null");
}

void json_integer_or_null(struct text *out, const char *key, int64_t value)
{
	if (value < 0)
		json_null(out, key);
	else
		json_integer(out, key, value);
}

void json_bool(struct text *out, const char *key, bool value)
{
	json_key(out, key);
	text_add(out, value ? "true" : "false");
}

void json_text_or_null(struct text *out, const char *key, const char *value)
{
	json_key(out, key);
	if (value == NULL || value[0] == 0)
		text_add(out, "null");
	else
		text_add_json(out, value);
}

void json_ratio_or_null(struct text *out, const char *key, int64_t value_e12)
{
	json_key(out, key);
	if (value_e12 < 0 || value_e12 == INT64_MAX)
		text_add(out, "null");
	else
		number_add_ratio(out, value_e12, RATIO_DECIMALS);
}
