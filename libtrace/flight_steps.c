/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_steps.h"

#include <stdlib.h>
#include <string.h>

/* A step that lies outside this many median deviations is not one of the usual ones. */
enum { DEVIATIONS = 6, NAME_MAX_BYTES = 128 };

/* Most names are no steps, and this is asked of every range. */
static bool may_be_step(const char *name, size_t length)
{
	for (size_t i = 0; i + 3 < length; i++) {
		char second = name[i + 1] | 32, third = name[i + 2] | 32, fourth = name[i + 3] | 32;
		switch (name[i] | 32) {
		case 's':
			if (second == 't' && third == 'e' && fourth == 'p')
				return true;
			break;
		case 'i':
			if (second == 't' && third == 'e' && fourth == 'r')
				return true;
			break;
		case 'b':
			if (second == 'a' && third == 't' && fourth == 'c')
				return true;
			break;
		default:
			break;
		}
	}
	return false;
}

static size_t family_index(struct flight_steps *steps, const char *name)
{
	for (size_t i = 0; i < steps->family_count; i++)
		if (strcmp(steps->families[i].name, name) == 0)
			return i;
	if (steps->family_count == FLIGHT_STEPS_FAMILIES)
		return SIZE_MAX;
	struct flight_family *family = &steps->families[steps->family_count];
	memcpy(family->name, name, strlen(name) + 1);
	return steps->family_count++;
}

void flight_steps_begin(struct flight_steps *steps, uint64_t key, const char *name,
			size_t length, int64_t time_ns)
{
	char text[NAME_MAX_BYTES], family[STEP_FAMILY_MAX];
	int64_t number;
	if (length >= sizeof text || !may_be_step(name, length))
		return;
	memcpy(text, name, length);
	text[length] = 0;
	if (!step_name_parse(text, family, &number))
		return;
	struct flight_open_step *place = NULL;
	for (size_t i = 0; i < FLIGHT_STEPS_OPEN; i++) {
		if (steps->open[i].key == key) {
			place = &steps->open[i];
			break;
		}
		if (place == NULL && steps->open[i].key == 0)
			place = &steps->open[i];
	}
	size_t index = family_index(steps, family);
	if (place != NULL && index != SIZE_MAX)
		*place = (struct flight_open_step){ key, time_ns, number, index };
}

static int number_order(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left > right) - (left < right);
}

static int64_t median_take(int64_t *values, size_t count)
{
	qsort(values, count, sizeof *values, number_order);
	return values[(count - 1) / 2];
}

static bool is_slow(const struct flight_family *family, int64_t duration_ns, int64_t percent,
		    int64_t *median_ns)
{
	int64_t values[FLIGHT_STEPS_HISTORY];
	size_t count = family->count < FLIGHT_STEPS_HISTORY ? family->count : FLIGHT_STEPS_HISTORY;
	if (count < FLIGHT_STEPS_LEAST)
		return false;
	memcpy(values, family->duration_ns, count * sizeof *values);
	*median_ns = median_take(values, count);
	/* Of steps of two kinds, the longer ones are not slow. */
	if (duration_ns <= values[count * 15 / 16])
		return false;
	for (size_t i = 0; i < count; i++)
		values[i] = llabs(values[i] - *median_ns);
	int64_t deviation_ns = median_take(values, count);
	int64_t longer_ns = duration_ns - *median_ns;
	return longer_ns > *median_ns / 100 * percent && longer_ns > deviation_ns * DEVIATIONS;
}

bool flight_steps_end(struct flight_steps *steps, uint64_t key, int64_t time_ns, int64_t percent,
		      struct flight_slow_step *slow)
{
	struct flight_open_step *step = NULL;
	for (size_t i = 0; step == NULL && i < FLIGHT_STEPS_OPEN; i++)
		if (steps->open[i].key == key)
			step = &steps->open[i];
	if (step == NULL || time_ns < step->start_ns)
		return false;
	struct flight_family *family = &steps->families[step->family];
	*slow = (struct flight_slow_step){
		.family = family->name, .number = step->number,
		.duration_ns = time_ns - step->start_ns,
	};
	step->key = 0;
	bool is_found = is_slow(family, slow->duration_ns, percent, &slow->median_ns);
	family->duration_ns[family->count++ % FLIGHT_STEPS_HISTORY] = slow->duration_ns;
	return is_found;
}
