/* SPDX-License-Identifier: MIT */
#include "analyzer/time_parts.h"

#include <stddef.h>

static const struct {
	const char *name;
	const char *words;
} causes[CAUSE_COUNT] = {
#define CAUSE(enumerator, id, words) [enumerator] = { id, words },
	IDLE_CAUSE_LIST(CAUSE)
#undef CAUSE
};

static const char *const part_names[PART_IDLE] = {
	[PART_COMPUTE] = "compute", [PART_TRANSFER] = "transfer", [PART_WAIT] = "wait",
	[PART_COPY_HTOD] = "copy-htod", [PART_COPY_DTOH] = "copy-dtoh",
	[PART_COPY_OTHER] = "copy-other",
};

const char *idle_cause_name(enum idle_cause cause)
{
	return causes[cause].name;
}

const char *idle_cause_words(enum idle_cause cause)
{
	return causes[cause].words;
}

bool idle_cause_is_starved(enum idle_cause cause)
{
	return cause <= CAUSE_HOST;
}

const char *time_part_name(enum time_part part)
{
	return part < PART_IDLE ? part_names[part] : causes[part - PART_IDLE].name;
}

int64_t time_parts_copy(const struct time_parts *parts)
{
	return parts->ns[PART_COPY_HTOD] + parts->ns[PART_COPY_DTOH] + parts->ns[PART_COPY_OTHER];
}

int64_t time_parts_idle(const struct time_parts *parts)
{
	int64_t sum_ns = 0;
	for (int part = PART_IDLE; part < PART_COUNT; part++)
		sum_ns += parts->ns[part];
	return sum_ns;
}

int64_t time_parts_sum(const struct time_parts *parts)
{
	int64_t sum_ns = 0;
	for (int part = 0; part < PART_COUNT; part++)
		sum_ns += parts->ns[part];
	return sum_ns;
}

void time_parts_add(struct time_parts *sum, const struct time_parts *parts)
{
	for (int part = 0; part < PART_COUNT; part++)
		sum->ns[part] += parts->ns[part];
	for (int cause = 0; cause < CAUSE_COUNT; cause++)
		sum->absent_ns[cause] += parts->absent_ns[cause];
}
