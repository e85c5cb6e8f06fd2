/* SPDX-License-Identifier: MIT */
#include "libtrace/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SETTING(name, field, kind_, initial_, low_, high_, choices_, text_) \
	{ \
		.variable = "LAGGARD_" #name, \
		.kind = SETTING_##kind_, \
		.initial = initial_, \
		.low = low_, \
		.high = high_, \
		.choices = choices_, \
		.text = text_, \
		.offset = offsetof(struct settings, field), \
	},
const struct setting settings_table[] = {
#include "libtrace/settings.def"
};
#undef SETTING

const size_t settings_count = sizeof settings_table / sizeof settings_table[0];

static bool switch_parse(const char *value, bool *is_on)
{
	static const char *const on[] = { "on", "1", "true", "yes" };
	static const char *const off[] = { "off", "0", "false", "no" };
	for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
		if (strcasecmp(value, on[i]) == 0) {
			*is_on = true;
			return true;
		}
		if (strcasecmp(value, off[i]) == 0) {
			*is_on = false;
			return true;
		}
	}
	return false;
}

static bool integer_parse(const struct setting *setting, const char *value, int64_t *number)
{
	char *end = NULL;
	if (*value != '-' && (*value < '0' || *value > '9'))
		return false;	/* strtoll would take spaces and '+' */
	int errno_before = errno;
	errno = 0;
	long long parsed = strtoll(value, &end, 10);
	bool is_ok = errno == 0 && *end == 0 && parsed >= setting->low && parsed <= setting->high;
	errno = errno_before;
	if (is_ok)
		*number = parsed;
	return is_ok;
}

static bool choice_parse(const char *choices, const char *value, int *choice)
{
	size_t length = strlen(value);
	const char *at = choices;
	for (int i = 0; length > 0; i++) {
		size_t size = strcspn(at, "|");
		if (size == length && strncasecmp(at, value, size) == 0) {
			*choice = i;
			return true;
		}
		if (at[size] == 0)
			break;
		at += size + 1;
	}
	return false;
}

static bool number_take(const char **at, int64_t *number)
{
	if (**at < '0' || **at > '9')
		return false;
	for (*number = 0; **at >= '0' && **at <= '9'; (*at)++) {
		if (*number > INT64_MAX / 10 - 1)
			return false;
		*number = *number * 10 + (**at - '0');
	}
	return true;
}

static bool span_parse(const char *value, struct setting_span *span)
{
	struct setting_span parsed = { .is_given = *value != 0 };
	bool is_ok = *value == 0 || number_take(&value, &parsed.first);
	parsed.last = parsed.first;
	size_t dash = *value == '-' ? 1 : strncmp(value, "..", 2) == 0 ? 2 : 0;
	if (is_ok && dash > 0) {
		value += dash;
		is_ok = number_take(&value, &parsed.last);
	}
	is_ok = is_ok && *value == 0 && parsed.last >= parsed.first;
	if (is_ok)
		*span = parsed;
	return is_ok;
}

bool setting_parse(const struct setting *setting, const char *value, struct settings *settings)
{
	void *field = (char *)settings + setting->offset;
	switch (setting->kind) {
	case SETTING_TEXT: {
		size_t length = strlen(value);
		if (length >= SETTING_TEXT_MAX)
			return false;
		memcpy(field, value, length + 1);
		return true;
	}
	case SETTING_SWITCH:
		return switch_parse(value, field);
	case SETTING_INTEGER:
		return integer_parse(setting, value, field);
	case SETTING_CHOICE:
		return choice_parse(setting->choices, value, field);
	case SETTING_SPAN:
		return span_parse(value, field);
	}
	return false;
}

void setting_add_range(const struct setting *setting, struct text *text)
{
	switch (setting->kind) {
	case SETTING_TEXT:
		text_add_format(text, "a text of at most %d bytes", SETTING_TEXT_MAX - 1);
		return;
	case SETTING_SWITCH:
		text_add(text, "on or off");
		return;
	case SETTING_INTEGER:
		text_add_format(text, "%lld..%lld", (long long)setting->low,
				(long long)setting->high);
		return;
	case SETTING_SPAN:
		text_add(text, "N-M, N..M or N, numbers from 0 on");
		return;
	case SETTING_CHOICE:
		break;
	}
	for (const char *at = setting->choices; *at != 0;) {
		size_t size = strcspn(at, "|");
		bool is_last = at[size] == 0;
		if (at != setting->choices)
			text_add(text, is_last ? " or " : ", ");
		text_add_bytes(text, at, size);
		at += size + !is_last;
	}
}

void settings_read(struct settings *settings, setting_complain complain)
{
	memset(settings, 0, sizeof *settings);
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		(void)setting_parse(setting, setting->initial, settings);
		const char *value = getenv(setting->variable);
		if (value == NULL || (*value == 0 && setting->kind != SETTING_TEXT))
			continue;
		if (!setting_parse(setting, value, settings) && complain != NULL)
			complain(setting, value);
	}
	if (settings->output[0] == 0)
		settings->output[0] = '.';
}

static void choice_add(const char *choices, int choice, struct text *text)
{
	const char *at = choices;
	for (; choice > 0; choice--)
		at += strcspn(at, "|") + 1;
	text_add_bytes(text, at, strcspn(at, "|"));
}

static void span_add(const struct setting_span *span, struct text *text)
{
	if (span->is_given)
		text_add_format(text, "%lld-%lld", (long long)span->first, (long long)span->last);
}

void settings_add_text(const struct settings *settings, struct text *text)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *setting = &settings_table[i];
		const void *field = (const char *)settings + setting->offset;
		text_add(text, setting->variable);
		text_add_char(text, '=');
		switch (setting->kind) {
		case SETTING_TEXT:
			text_add(text, field);
			break;
		case SETTING_SWITCH:
			text_add(text, *(const bool *)field ? "on" : "off");
			break;
		case SETTING_INTEGER:
			text_add_integer(text, *(const int64_t *)field);
			break;
		case SETTING_SPAN:
			span_add(field, text);
			break;
		case SETTING_CHOICE:
			choice_add(setting->choices, *(const int *)field, text);
			break;
		}
		text_add_char(text, '\n');
	}
}
