/* SPDX-License-Identifier: MIT */
#include "viewer-export/html_samples.h"

#include "viewer-export/html_pack.h"

static void stretch_add(struct html_stretch *stretch, const struct html_sample *sample)
{
	if (!stretch->is_used)
		*stretch = (struct html_stretch){ true, *sample, *sample, *sample };
	if (sample->value < stretch->lowest.value)
		stretch->lowest = *sample;
	if (sample->value > stretch->highest.value)
		stretch->highest = *sample;
	if (sample->time_ns >= stretch->last.time_ns)
		stretch->last = *sample;
}

static void samples_widen(struct html_samples *samples)
{
	for (size_t i = 0; i < HTML_STRETCHES; i++) {
		struct html_stretch stretch = samples->stretches[i];
		struct html_stretch *to = &samples->stretches[i / 2];
		samples->stretches[i].is_used = false;
		if (!stretch.is_used)
			continue;
		if (!to->is_used) {
			*to = stretch;
			continue;
		}
		stretch_add(to, &stretch.lowest);
		stretch_add(to, &stretch.highest);
		stretch_add(to, &stretch.last);
	}
	samples->level++;
}

void html_samples_add(struct html_samples *samples, int64_t time_ns, int64_t value)
{
	const struct html_sample sample = { time_ns, value };
	uint64_t at = time_ns < 0 ? 0 : (uint64_t)time_ns;
	while (at >> samples->level >= HTML_STRETCHES)
		samples_widen(samples);
	stretch_add(&samples->stretches[at >> samples->level], &sample);
}

/* In the order of time, each once. */
static size_t stretch_list(const struct html_stretch *stretch, struct html_sample list[3])
{
	bool is_rising = stretch->lowest.time_ns <= stretch->highest.time_ns;
	const struct html_sample *first = is_rising ? &stretch->lowest : &stretch->highest;
	const struct html_sample *second = is_rising ? &stretch->highest : &stretch->lowest;
	size_t count = 0;
	if (!stretch->is_used)
		return 0;
	list[count++] = *first;
	if (second->time_ns > first->time_ns)
		list[count++] = *second;
	if (stretch->last.time_ns > list[count - 1].time_ns)
		list[count++] = stretch->last;
	return count;
}

void html_samples_write(const struct html_samples *samples, struct text *text)
{
	struct html_sample list[3];
	size_t count = 0;
	for (size_t i = 0; i < HTML_STRETCHES; i++)
		count += stretch_list(&samples->stretches[i], list);
	text_add_varint(text, count);
	for (unsigned column = 0; column < 2; column++) {
		int64_t before = 0;
		for (size_t i = 0; i < HTML_STRETCHES; i++) {
			size_t here = stretch_list(&samples->stretches[i], list);
			for (size_t j = 0; j < here; j++) {
				int64_t number = column == 0 ? list[j].time_ns : list[j].value;
				text_add_zigzag(text,
						(int64_t)((uint64_t)number - (uint64_t)before));
				before = number;
			}
		}
	}
}
