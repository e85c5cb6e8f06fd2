/* SPDX-License-Identifier: MIT */
#include "simulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64's finaliser over a counter: README.md, "Jitter". */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

int64_t rig_draw_below(struct rig_simulation *simulation, struct rig_unit *unit, int64_t bound)
{
	uint64_t x = simulation->scenario->seed ^ ((uint64_t)unit->index + 1) * 0xD1342543DE82EF95u;

	x += ++unit->draws * 0x9E3779B97F4A7C15u;
	return (int64_t)(mix(x) % (uint64_t)bound);
}

int64_t rig_amount_draw(struct rig_simulation *simulation, struct rig_unit *unit,
			const struct rig_amount *amount)
{
	int64_t span = amount->ns * amount->permille / 1000;

	if (!amount->permille)
		return amount->ns;
	return amount->ns - span + rig_draw_below(simulation, unit, 2 * span + 1);
}

int64_t *rig_stream_tail(struct rig_simulation *simulation, struct rig_unit *unit, int64_t stream)
{
	for (int i = 0; i < unit->stream_count; i++) {
		if (unit->streams[i].id == stream)
			return &unit->streams[i].tail;
	}
	if (unit->stream_count == RIG_STREAMS_MAX) {
		simulation->has_failed = true;
		return &unit->streams[0].tail;
	}
	unit->streams[unit->stream_count].id = stream;
	unit->streams[unit->stream_count].tail = 0;
	return &unit->streams[unit->stream_count++].tail;
}

bool rig_item_matches(const struct rig_simulation *simulation, const struct rig_item *item,
		      int unit)
{
	return (item->units >> unit & 1) && simulation->step >= item->step_from &&
	       simulation->step <= item->step_to;
}

struct rig_op *rig_op_add(struct rig_simulation *simulation, const struct rig_unit *unit,
			  const struct rig_item *item, enum rig_op_kind kind)
{
	struct rig_run *run = simulation->run;

	if (unit->process != simulation->process)
		return NULL;
	if (run->count == run->size) {
		size_t size = run->size ? run->size * 2 : 4096;
		struct rig_op *ops = realloc(run->ops, size * sizeof(*ops));

		if (!ops) {
			simulation->has_failed = true;
			return NULL;
		}
		run->ops = ops;
		run->size = size;
	}
	struct rig_op *op = &run->ops[run->count++];

	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->unit = unit->index;
	op->device = unit->device;
	op->thread = (int)item->thread;
	op->item = item;
	op->step = simulation->step;
	return op;
}

void rig_api_add(struct rig_simulation *simulation, struct rig_unit *unit,
		 const struct rig_item *item, const char *name, int64_t start, int64_t end)
{
	struct rig_op *op = rig_op_add(simulation, unit, item, RIG_OP_API);
	uint32_t correlation = ++simulation->correlations[unit->process];

	if (!op)
		return;
	op->name = item->via ? item->via : name;
	op->domain = strncmp(op->name, "cu", 2) || !strncmp(op->name, "cuda", 4) ?
		RIG_DOMAIN_RUNTIME : RIG_DOMAIN_DRIVER;
	op->start_ns = start;
	op->end_ns = end;
	op->correlation = correlation;
}

/* The activity belongs to the API operation before it, unless there is none. */
void rig_activity_add(struct rig_simulation *simulation, struct rig_unit *unit,
		      const struct rig_item *item, const struct rig_activity *activity)
{
	struct rig_run *run = simulation->run;
	struct rig_op *op = rig_op_add(simulation, unit, item, RIG_OP_ACTIVITY);

	if (!op)
		return;
	op->activity = *activity;
	op->activity.device = unit->device;
	op->correlation = op->activity.correlation = simulation->correlations[unit->process];
	if (item->has_no_launch || item->verb == RIG_VERB_overhead || item->verb == RIG_VERB_jit ||
	    item->verb == RIG_VERB_migrate || item->verb == RIG_VERB_fault)
		return;
	for (size_t i = run->count - 1; i-- > 0;) {
		if (run->ops[i].kind == RIG_OP_API) {
			run->ops[i].children++;
			return;
		}
	}
}

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* {step}, {i} and {unit} in a text. The copy lives as long as the process. */
static const char *text_expand(const struct rig_simulation *simulation, const char *text, int unit)
{
	char out[4096];
	size_t used = 0;

	if (!text || !strchr(text, '{'))
		return text;
	while (*text && used + 32 < sizeof(out)) {
		const struct { const char *name; int64_t value;
		} names[] = {
			{ "{step}", simulation->step },
			{ "{i}", simulation->inner },
			{ "{unit}", unit },
		};
		size_t i;

		for (i = 0; i < 3; i++) {
			size_t length = strlen(names[i].name);

			if (!strncmp(text, names[i].name, length)) {
				used += (size_t)snprintf(out + used, sizeof(out) - used, "%lld",
							 (long long)names[i].value);
				text += length;
				break;
			}
		}
		if (i == 3)
			out[used++] = *text++;
	}
	out[used] = '\0';
	return strdup(out);
}

/* Items that a process plays once, whatever its number of GPUs. */
static void process_item_play(struct rig_simulation *simulation, struct rig_unit *unit,
			      const struct rig_item *item, int64_t *cursor)
{
	struct rig_op *op;
	int64_t *other;

	switch ((int)item->verb) {
	case RIG_VERB_host:
		*cursor += rig_amount_draw(simulation, unit, &item->duration);
		return;
	case RIG_VERB_join:
		other = &simulation->cursors[unit->process][item->with % RIG_THREADS_MAX];
		*cursor = max(*cursor, *other);
		rig_op_add(simulation, unit, item, RIG_OP_JOIN);
		return;
	case RIG_VERB_api: {
		int64_t api = rig_amount_draw(simulation, unit, &item->api);

		rig_api_add(simulation, unit, item, item->name, *cursor, *cursor + api);
		*cursor += api;
		return;
	}
	case RIG_VERB_overhead:
	case RIG_VERB_jit: {
		int64_t duration = rig_amount_draw(simulation, unit, &item->duration);
		bool is_jit = item->verb == RIG_VERB_jit;
		struct rig_activity activity = {
			.kind = is_jit ? RIG_ACTIVITY_JIT : RIG_ACTIVITY_OVERHEAD,
			.type = (uint32_t)item->value,
			.start_ns = *cursor, .end_ns = *cursor + duration,
		};

		rig_activity_add(simulation, unit, item, &activity);
		/* Code is compiled inside of a call, which comes next. */
		*cursor += is_jit ? 0 : duration;
		return;
	}
	default:
		op = rig_op_add(simulation, unit, item, RIG_OP_NVTX);
		if (op) {
			op->start_ns = op->end_ns = *cursor;
			op->name = text_expand(simulation, item->name, unit->index);
			op->payload = text_expand(simulation, item->payload, unit->index);
		}
		*cursor += 100;
	}
}

static bool is_process_item(enum rig_verb verb)
{
	return verb == RIG_VERB_host || verb == RIG_VERB_api || verb == RIG_VERB_overhead ||
	       verb == RIG_VERB_jit || verb == RIG_VERB_join || verb >= RIG_VERB_push;
}

static void item_play(struct rig_simulation *simulation, const struct rig_item *item)
{
	int played = -1;	/* the last process that played a process item */

	if (item->verb == RIG_VERB_coll) {
		rig_coll_play(simulation, item);
		return;
	}
	if (item->verb == RIG_VERB_comm || item->verb == RIG_VERB_uncomm) {
		rig_comm_play(simulation, item);
		return;
	}
	for (int i = 0; i < simulation->unit_count; i++) {
		struct rig_unit *unit = &simulation->units[i];
		int64_t *cursor = &simulation->cursors[unit->process][item->thread];

		if (!rig_item_matches(simulation, item, i))
			continue;
		if (!is_process_item(item->verb)) {
			rig_unit_item_play(simulation, unit, item, cursor);
		} else if (unit->process != played) {
			played = unit->process;
			process_item_play(simulation, unit, item, cursor);
		}
	}
}

static void block_play(struct rig_simulation *simulation, int from, int to, int depth)
{
	for (int i = from; i < to && !simulation->has_failed; i++) {
		const struct rig_item *item = &simulation->scenario->items[i];
		int64_t outer = simulation->inner;

		if (item->verb != RIG_VERB_repeat) {
			item_play(simulation, item);
			continue;
		}
		for (int64_t n = 0; n < item->count; n++) {
			simulation->inner = n;
			if (!depth)
				simulation->step = n;
			block_play(simulation, i + 1, item->end, depth + 1);
		}
		simulation->inner = outer;
		i = item->end;
	}
}

bool rig_simulate(const struct rig_scenario *scenario, int process, struct rig_run *run)
{
	static struct rig_simulation simulation;

	memset(&simulation, 0, sizeof(simulation));
	memset(run, 0, sizeof(*run));
	simulation.scenario = scenario;
	simulation.run = run;
	simulation.process = process;
	simulation.unit_count = run->units = scenario->machine.gpu_count;
	simulation.process_count = scenario->processes;
	run->units_per_process = run->units / scenario->processes;
	for (int i = 0; i < run->units; i++) {
		simulation.units[i].index = i;
		simulation.units[i].process = i / run->units_per_process;
		simulation.units[i].device = (uint32_t)(i % run->units_per_process);
	}
	block_play(&simulation, 0, scenario->item_count, 0);
	return !simulation.has_failed;
}
