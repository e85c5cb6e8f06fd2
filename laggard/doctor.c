/* SPDX-License-Identifier: MIT */
#include "laggard/doctor.h"

#include "base/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SAID_BYTES = 2048, TEXT_COLUMNS = 100, TEXT_INDENT = 10 };

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_PROBLEM] = "problem",
};

void doctor_say(struct doctor *doctor, const char *id, enum doctor_level level,
		const char *remedy, const char *format, ...)
{
	char said[SAID_BYTES];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(said, sizeof said, format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof said)
		length = sizeof said - 1;
	const char *kept = length < 0 ? NULL :
		arena_copy_text(doctor->arena, said, (size_t)length);
	if (kept == NULL || doctor->count == DOCTOR_CHECKS_MAX) {
		doctor->dropped++;
		return;
	}
	doctor->checks[doctor->count++] = (struct doctor_check){
		.group = doctor->group, .id = id, .level = level, .said = kept, .remedy = remedy,
	};
}

size_t doctor_count(const struct doctor *doctor, enum doctor_level level)
{
	size_t count = 0;
	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->checks[i].level == level;
	return count;
}

/* Paths and variables are other people's: what a terminal could obey is shown as such. */
static void printable_add(struct text *out, const char *said)
{
	for (; *said != 0; said++)
		if ((unsigned char)*said < 0x20 || *said == 0x7f)
			text_add_format(out, "\\x%02x", (unsigned)(unsigned char)*said);
		else
			text_add_char(out, *said);
}

/* The first line begins behind what stands before; the others are indented. */
static void wrapped_add(struct text *out, const char *said)
{
	struct text clean, lines;
	text_begin(&clean, 4 * SAID_BYTES + 1);
	text_begin(&lines, 16 * SAID_BYTES);
	printable_add(&clean, said);
	text_add_wrapped(&lines, text_string(&clean), TEXT_INDENT, TEXT_COLUMNS);
	const char *at = text_string(&lines);
	text_add(out, strlen(at) > TEXT_INDENT ? at + TEXT_INDENT : "\n");
	text_end(&clean);
	text_end(&lines);
}

void doctor_add_text(struct text *out, const struct doctor *doctor)
{
	const char *group = "";
	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_check *check = &doctor->checks[i];
		if (strcmp(check->group, group) != 0) {
			group = check->group;
			text_add_format(out, "%s%s\n", i == 0 ? "" : "\n", group);
		}
		text_add_format(out, "  %-*s", TEXT_INDENT - 2, level_names[check->level]);
		wrapped_add(out, check->said);
		if (check->remedy != NULL) {
			text_add_format(out, "%*s-> ", TEXT_INDENT - 3, "");
			wrapped_add(out, check->remedy);
		}
	}
	if (doctor->dropped > 0)
		text_add_format(out, "\n%zu more checks had no room\n", doctor->dropped);
	size_t problems = doctor_count(doctor, DOCTOR_PROBLEM);
	size_t notes = doctor_count(doctor, DOCTOR_NOTE);
	text_add_format(out, "\n%zu problem%s, %zu note%s\n", problems, problems == 1 ? "" : "s",
			notes, notes == 1 ? "" : "s");
}

void doctor_add_json(struct text *out, const struct doctor *doctor)
{
	text_add(out, "{\"format\":\"laggard-doctor\",\"version\":1,\"pid\":");
	if (doctor->subject->pid < 0)
		text_add(out, "null");
	else
		text_add_integer(out, doctor->subject->pid);
	text_add_format(out, ",\"problems\":%zu,\"notes\":%zu,\"dropped\":%zu,\"checks\":[",
			doctor_count(doctor, DOCTOR_PROBLEM), doctor_count(doctor, DOCTOR_NOTE),
			doctor->dropped);
	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_check *check = &doctor->checks[i];
		text_add(out, i == 0 ? "\n{\"group\":" : ",\n{\"group\":");
		text_add_json(out, check->group);
		text_add(out, ",\"id\":");
		text_add_json(out, check->id);
		text_add(out, ",\"level\":");
		text_add_json(out, level_names[check->level]);
		text_add(out, ",\"text\":");
		text_add_json(out, check->said);
		text_add(out, ",\"remedy\":");
		if (check->remedy == NULL)
			text_add(out, "null");
		else
			text_add_json(out, check->remedy);
		text_add_char(out, '}');
	}
	text_add(out, "\n]}\n");
}
