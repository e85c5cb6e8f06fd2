/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum word_type { NUMBER, AMOUNT, TEXT, UNITS, STEPS };

static const struct word_key {
	const char *key;
	enum word_type type;
	size_t offset;
} keys[] = {
#define KEY(name, type, member) { name, type, offsetof(struct rig_item, member) }
	KEY("unit", UNITS, units), KEY("step", STEPS, step_from), KEY("thread", NUMBER, thread),
	KEY("stream", NUMBER, stream), KEY("id", NUMBER, id), KEY("bytes", NUMBER, bytes),
	KEY("count", NUMBER, count), KEY("fused", NUMBER, fused), KEY("at", NUMBER, at),
	KEY("value", NUMBER, value), KEY("category", NUMBER, category), KEY("root", NUMBER, root),
	KEY("with", NUMBER, with), KEY("skew", NUMBER, skew), KEY("priority", NUMBER, priority),
	KEY("color", NUMBER, color), KEY("from", NUMBER, source_device),
	KEY("to", NUMBER, destination_device), KEY("channels", NUMBER, channels),
	KEY("warps", NUMBER, warps), KEY("dur", AMOUNT, duration), KEY("api", AMOUNT, api),
	KEY("lat", AMOUNT, latency), KEY("name", TEXT, name), KEY("domain", TEXT, domain),
	KEY("dir", TEXT, direction), KEY("src", TEXT, source), KEY("dst", TEXT, destination),
	KEY("op", TEXT, op), KEY("dtype", TEXT, dtype), KEY("kernel", TEXT, kernel),
	KEY("via", TEXT, via), KEY("payload", TEXT, payload), KEY("nodes", TEXT, nodes),
	KEY("flag", TEXT, flag), KEY("pool", NUMBER, pool),
#undef KEY
};

/* Defaults of api and lat in ns, a verb each; README.md repeats them. */
static const struct {
	int64_t api, latency, duration;
} defaults[RIG_VERB_COUNT] = {
	[RIG_VERB_api] = { 500, 0, 0 },		[RIG_VERB_launch] = { 2500, 4000, 0 },
	[RIG_VERB_copy] = { 3000, 5000, 0 },	[RIG_VERB_memset] = { 2500, 4000, 2000 },
	[RIG_VERB_peer] = { 3500, 6000, 0 },	[RIG_VERB_sync] = { 1500, 0, 0 },
	[RIG_VERB_record] = { 900, 0, 0 },	[RIG_VERB_wait] = { 800, 0, 0 },
	[RIG_VERB_malloc] = { 40000, 0, 0 },	[RIG_VERB_free] = { 30000, 0, 0 },
	[RIG_VERB_graph] = { 8000, 6000, 0 },	[RIG_VERB_open] = { 12000, 0, 0 },
	[RIG_VERB_comm] = { 250000, 0, 0 },	[RIG_VERB_uncomm] = { 50000, 0, 0 },
	[RIG_VERB_coll] = { 2500, 4000, 0 },	[RIG_VERB_overhead] = { 0, 0, 1000 },
	[RIG_VERB_pool] = { 20000, 0, 0 },	[RIG_VERB_jit] = { 0, 0, 1000 },
	[RIG_VERB_hostfunc] = { 2000, 5000, 0 },	[RIG_VERB_migrate] = { 0, 1000, 2000 },
	[RIG_VERB_fault] = { 0, 0, 1000 },
};

const char *rig_verb_name(enum rig_verb verb)
{
	static const char *const names[] = {
#define VERB(name) #name,
		RIG_VERBS(VERB)
#undef VERB
	};

	return names[verb];
}

static char unnamed[] = "unnamed";

static char *text_keep(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

static bool amount_parse(const char *text, struct rig_amount *amount)
{
	const char *rest = NULL;

	amount->permille = 0;
	if (!rig_number_parse(text, &amount->ns, &rest))
		return false;
	if (*rest == '~')
		return rig_number_parse(rest + 1, &amount->permille, NULL);
	return !*rest;
}

static bool units_parse(const char *text, uint64_t *units)
{
	*units = 0;
	for (const char *at = text; *at;) {
		int64_t unit;

		if (!rig_number_parse(at, &unit, &at) || unit < 0 || unit > 63)
			return false;
		*units |= 1ull << unit;
		if (*at == ',')
			at++;
		else if (*at)
			return false;
	}
	return true;
}

static bool range_parse(const char *text, int64_t *from, int64_t *to)
{
	const char *rest = NULL;

	if (!rig_number_parse(text, from, &rest))
		return false;
	*to = *from;
	return !*rest || (!strncmp(rest, "..", 2) && rig_number_parse(rest + 2, to, NULL));
}

static bool item_word_apply(struct rig_item *item, const struct rig_word *word)
{
	if (!word->value) {
		if (!strcmp(word->key, "blocking"))
			return item->is_blocking = true;
		if (!strcmp(word->key, "nolaunch"))
			return item->has_no_launch = true;
		if (!strcmp(word->key, "registered"))
			return item->is_registered = true;
		return false;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		void *member = (char *)item + keys[i].offset;

		if (strcmp(keys[i].key, word->key))
			continue;
		switch (keys[i].type) {
		case NUMBER: return rig_number_parse(word->value, member, NULL);
		case AMOUNT: return amount_parse(word->value, member);
		case UNITS: return units_parse(word->value, member);
		case STEPS: return range_parse(word->value, &item->step_from, &item->step_to);
		case TEXT: *(char **)member = text_keep(word->value); return true;
		}
	}
	return false;
}

static bool item_parse(struct rig_scenario *scenario, int verb, struct rig_word *words, int count,
		       int line)
{
	struct rig_item *item = &scenario->items[scenario->item_count];

	if (scenario->item_count == RIG_ITEMS_MAX)
		return false;
	*item = (struct rig_item){
		.verb = (enum rig_verb)verb,
		.line = line,
		.units = ~0ull,
		.step_to = INT64_MAX,
		.stream = 7,
		.at = -1,
		.color = -1,
		.fused = 1,
		.count = 1,
		.channels = 4,
		.warps = 17,
		.api.ns = defaults[verb].api,
		.latency.ns = defaults[verb].latency,
		.duration.ns = defaults[verb].duration,
	};
	for (int i = 1; i < count; i++) {
		if (!item_word_apply(item, &words[i])) {
			fprintf(stderr, "rig: line %d: bad word '%s'\n", line, words[i].key);
			return false;
		}
	}
	if (item->thread < 0 || item->thread >= RIG_THREADS_MAX || item->id < 0)
		return false;
	scenario->item_count++;
	return true;
}

static bool triple_parse(const char *text, uint32_t triple[3])
{
	return sscanf(text, "%u,%u,%u", &triple[0], &triple[1], &triple[2]) == 3;
}

static bool kernel_word_apply(struct rig_kernel *kernel, const struct rig_word *word)
{
	int64_t number = 0;

	if (!word->value)
		return false;
	if (!strcmp(word->key, "grid"))
		return triple_parse(word->value, kernel->grid);
	if (!strcmp(word->key, "block"))
		return triple_parse(word->value, kernel->block);
	if (!rig_number_parse(word->value, &number, NULL))
		return false;
	if (!strcmp(word->key, "regs"))
		kernel->registers = (uint32_t)number;
	else if (!strcmp(word->key, "static"))
		kernel->static_shared = (uint32_t)number;
	else if (!strcmp(word->key, "dynamic"))
		kernel->dynamic_shared = (uint32_t)number;
	else
		return false;
	return true;
}

static bool kernel_parse(struct rig_scenario *scenario, struct rig_word *words, int count)
{
	struct rig_kernel *kernel = &scenario->kernels[scenario->kernel_count];

	if (count < 3 || scenario->kernel_count == RIG_KERNELS_MAX)
		return false;
	*kernel = (struct rig_kernel){
		.key = text_keep(words[1].key), .symbol = text_keep(words[2].key),
		.grid = { 128, 1, 1 }, .block = { 256, 1, 1 }, .registers = 32,
	};
	for (int i = 3; i < count; i++) {
		if (!kernel_word_apply(kernel, &words[i]))
			return false;
	}
	scenario->kernel_count++;
	return true;
}

static bool slow_parse(struct rig_scenario *scenario, struct rig_word *words, int count)
{
	struct rig_slow *slow = &scenario->slows[scenario->slow_count];

	if (scenario->slow_count == RIG_SLOWS_MAX)
		return false;
	*slow = (struct rig_slow){ .units = ~0ull, .permille = 1000, .to = INT64_MAX };
	for (int i = 1; i < count; i++) {
		const char *value = words[i].value;
		bool ok = false;

		if (value && !strcmp(words[i].key, "unit"))
			ok = units_parse(value, &slow->units);
		else if (value && !strcmp(words[i].key, "permille"))
			ok = rig_number_parse(value, &slow->permille, NULL);
		else if (value && !strcmp(words[i].key, "step"))
			ok = range_parse(value, &slow->from, &slow->to);
		if (!ok)
			return false;
	}
	scenario->slow_count++;
	return true;
}

static bool line_parse(struct rig_scenario *scenario, struct rig_word *words, int count, int line)
{
	const char *verb = words[0].key;
	int64_t number = 0;

	if (!strcmp(verb, "kernel"))
		return kernel_parse(scenario, words, count);
	if (!strcmp(verb, "slow"))
		return slow_parse(scenario, words, count);
	if (!strcmp(verb, "gpu")) {
		if (count < 2 || !rig_number_parse(words[1].key, &number, NULL))
			return false;
		for (int i = 2; i < count; i++) {
			if (!rig_machine_set(&scenario->machine, (int)number, words[i].key,
					     words[i].value))
				return false;
		}
		return true;
	}
	for (int i = 0; i < RIG_VERB_COUNT; i++) {
		if (!strcmp(verb, rig_verb_name((enum rig_verb)i)))
			return item_parse(scenario, i, words, count, line);
	}
	if (count != 2)
		return false;
	if (!strcmp(verb, "scenario")) {
		scenario->name = text_keep(words[1].key);
		return true;
	}
	if (!rig_number_parse(words[1].key, &number, NULL))
		return false;
	if (!strcmp(verb, "seed"))
		scenario->seed = (uint64_t)number;
	else if (!strcmp(verb, "gpus"))
		scenario->machine.gpu_count = (int)number;
	else if (!strcmp(verb, "processes"))
		scenario->processes = (int)number;
	else
		return false;
	return true;
}

static bool blocks_match(struct rig_scenario *scenario)
{
	int open[16], depth = 0;

	for (int i = 0; i < scenario->item_count; i++) {
		struct rig_item *item = &scenario->items[i];

		if (item->verb == RIG_VERB_repeat) {
			if (depth == 16)
				return false;
			open[depth++] = i;
		} else if (item->verb == RIG_VERB_end) {
			if (!depth)
				return false;
			item->end = open[--depth];
			scenario->items[item->end].end = i;
		}
	}
	return !depth;
}

bool rig_scenario_read(struct rig_scenario *scenario, const char *path)
{
	char *text = rig_file_read(path);
	char *next = text;
	int line = 0;
	bool ok = text != NULL;

	memset(scenario, 0, sizeof(*scenario));
	rig_machine_default(&scenario->machine);
	scenario->name = unnamed;
	if (!text)
		fprintf(stderr, "rig: cannot read '%s'\n", path);
	while (ok && next && *next) {
		struct rig_word words[RIG_WORDS_MAX];
		char *this_line = next;

		next = strchr(next, '\n');
		if (next)
			*next++ = '\0';
		line++;
		int count = rig_line_split(this_line, words);

		ok = count >= 0 && (!count || line_parse(scenario, words, count, line));
		if (!ok)
			fprintf(stderr, "rig: %s:%d: cannot be understood\n", path, line);
	}
	free(text);
	if (!scenario->processes)
		scenario->processes = scenario->machine.gpu_count;
	if (ok && !blocks_match(scenario)) {
		fprintf(stderr, "rig: %s: repeat without end, or end without repeat\n", path);
		ok = false;
	}
	if (ok && scenario->machine.gpu_count % scenario->processes) {
		fprintf(stderr, "rig: %s: gpus must be a multiple of processes\n", path);
		ok = false;
	}
	return ok;
}

const struct rig_kernel *rig_kernel_find(const struct rig_scenario *scenario, const char *key)
{
	for (int i = 0; key && i < scenario->kernel_count; i++) {
		if (!strcmp(scenario->kernels[i].key, key))
			return &scenario->kernels[i];
	}
	return NULL;
}
