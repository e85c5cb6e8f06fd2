/* SPDX-License-Identifier: MIT */
/*
 * The LAGGARD_* settings of libtrace, all made from settings.def: the struct, the descriptors (from
 * which `laggard run` makes its options), reading from the environment.
 *
 * Thread: settings_read on one thread while nobody changes the environment; the rest is pure.
 */
#ifndef LIBTRACE_SETTINGS_H
#define LIBTRACE_SETTINGS_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETTING_TEXT_MAX = 1024 };

enum setting_kind { SETTING_TEXT, SETTING_SWITCH, SETTING_INTEGER, SETTING_CHOICE, SETTING_SPAN };

/* Numbers from first to last, both included. */
struct setting_span {
	bool is_given;
	int64_t first, last;
};

/* Values of the CHOICE settings, in the order of their `choices`. */
enum api_choice { API_CHOICE_ALL, API_CHOICE_LAUNCHES, API_CHOICE_OFF };
enum graph_choice { GRAPH_CHOICE_NODE, GRAPH_CHOICE_GRAPH };
enum subscribe_choice { SUBSCRIBE_CHOICE_ALONE, SUBSCRIBE_CHOICE_SEVERAL };

#define SETTING_MEMBER_TEXT(field) char field[SETTING_TEXT_MAX];
#define SETTING_MEMBER_SWITCH(field) bool field;
#define SETTING_MEMBER_INTEGER(field) int64_t field;
#define SETTING_MEMBER_CHOICE(field) int field;
#define SETTING_MEMBER_SPAN(field) struct setting_span field;
#define SETTING(name, field, kind, initial, low, high, choices, text) SETTING_MEMBER_##kind(field)
struct settings {
#include "libtrace/settings.def"
};
#undef SETTING

struct setting {
	const char *variable;		/* "LAGGARD_FLUSH_MS" */
	enum setting_kind kind;
	const char *initial;		/* default, as text */
	int64_t low, high;		/* of an INTEGER */
	const char *choices;		/* of a CHOICE: "all|launches|off" */
	const char *text;
	size_t offset;			/* in struct settings */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/*
 * Sets one value from its text; false (and nothing changed) if the text is no value of the setting.
 */
bool setting_parse(const struct setting *setting, const char *value, struct settings *settings);

/* What a value may be, for messages and help: "10..10000", "on or off", "all, launches or off". */
void setting_add_range(const struct setting *setting, struct text *text);

/* From the environment. `complain` (may be NULL) hears of each bad value, whose default is used. */
typedef void (*setting_complain)(const struct setting *setting, const char *value);
void settings_read(struct settings *settings, setting_complain complain);

/* All values, one name=value a line. */
void settings_add_text(const struct settings *settings, struct text *text);

#endif
