/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_bandwidth.h"
#include "analyzer/report_json_parts.h"
#include "analyzer/report_numbers.h"
#include "analyzer/run_steps.h"
#include "tracedb/demangle.h"

#include <inttypes.h>
#include <stdio.h>

enum { RATE_DECIMALS = 6, HASH_BYTES = 24 };

static void add_gap(struct text *out, const struct report *report, size_t gpu,
		    const struct report_gap *gap)
{
	const struct job_steps *steps = &report->job.steps;
	const int64_t *bounds_ns = report->job.gpus[gpu].step_ns;
	char readable[DEMANGLE_BYTES];
	size_t step = 0;
	json_next(out);
	text_add_char(out, '{');
	json_integer(out, "start_ns",
		     report->traces[report->gpus[gpu].trace].epoch_ns + gap->start_ns);
	json_integer(out, "ns", gap->ns);
	json_key(out, "cause");
	text_add_json(out, idle_cause_name(gap->cause));
	json_integer(out, "cause_ns", gap->cause_ns);
	json_integer_or_null(out, "thread", gap->thread_id);
	json_text_or_null(out, "call", gap->call);
	json_text_or_null(out, "range", gap->range);
	json_text_or_null(out, "next", gap->next == NULL ? NULL :
			  demangle_symbol(gap->next, readable, sizeof readable));
	bool is_in_step = bounds_ns != NULL && report_step_at(report, gpu, gap->start_ns, &step);
	if (is_in_step) {
		json_integer(out, "step", steps->first_number + (int64_t)step);
		json_integer(out, "step_offset_ns", gap->start_ns - bounds_ns[step]);
	} else {
		json_null(out, "step");
		json_null(out, "step_offset_ns");
	}
	text_add_char(out, '}');
}

static void add_causes(struct text *out, const struct gpu_time *time)
{
	json_open(out, "idle_causes", '[');
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		int64_t ns = time->parts.ns[PART_IDLE + cause];
		if (ns == 0)
			continue;
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "cause");
		text_add_json(out, idle_cause_name((enum idle_cause)cause));
		json_integer(out, "ns", ns);
		json_integer(out, "gaps", time->cause_gaps[cause]);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
	json_open(out, "absent_causes", '[');
	for (int cause = 0; cause < CAUSE_COUNT; cause++) {
		if (time->parts.absent_ns[cause] == 0)
			continue;
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "cause");
		text_add_json(out, idle_cause_name((enum idle_cause)cause));
		json_integer(out, "ns", time->parts.absent_ns[cause]);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

/* null: the trace has no samples of the host, or nothing was asked of them. */
static void add_host(struct text *out, const struct host_detail *host)
{
	if (host->asked_ns == 0) {
		json_null(out, "host_detail");
		return;
	}
	json_open(out, "host_detail", '{');
	json_integer(out, "asked_ns", host->asked_ns);
	json_integer(out, "seen_ns", host->seen_ns);
	json_integer(out, "samples", host->samples);
	json_open(out, "states", '[');
	for (int doing = 0; doing < HOST_DOING_COUNT; doing++) {
		json_open_item(out);
		json_key(out, "state");
		text_add_json(out, host_doing_name((enum host_doing)doing));
		json_integer(out, "ns", host->ns[doing]);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
	json_open(out, "waits", '[');
	for (size_t i = 0; i < host->wait_count; i++) {
		json_open_item(out);
		json_text_or_null(out, "in", host->waits[i].name);
		json_integer(out, "ns", host->waits[i].ns);
		json_integer(out, "samples", host->waits[i].samples);
		text_add_char(out, '}');
	}
	text_add(out, "]}");
}

void json_add_gpu_time(struct text *out, const struct report *report, size_t gpu)
{
	const struct report_gpu *kept = &report->gpus[gpu];
	const struct job_gpu *measured = &report->job.gpus[gpu];
	const struct gpu_time *time = &measured->time;
	const struct report_waits waits = report_waits_of(report, gpu);
	/* null: no collective of it was matched with another rank's. */
	json_integer_or_null(out, "comm_wait_ns", waits.wait_ns);
	json_integer_or_null(out, "comm_transfer_ns", waits.transfer_ns);
	json_integer(out, "comm_unmatched_kernels", measured->unmatched_comms);
	json_integer(out, "blocking_comm_ns", time->parts.absent_ns[CAUSE_COMM]);
	json_integer(out, "blocking_copy_ns", time->parts.absent_ns[CAUSE_COPY]);
	add_causes(out, time);
	add_host(out, &kept->host);
	json_open(out, "worst_gaps", '[');
	for (size_t i = 0; i < kept->worst_count; i++)
		add_gap(out, report, gpu, &kept->worst[i]);
	text_add_char(out, ']');
}

static void add_clocks(struct text *out, const struct report *report)
{
	const struct collective_match *match = report->job.match;
	json_open(out, "clocks", '[');
	for (size_t lane = 0; lane < match->lane_count; lane++) {
		const struct lane_clock *clock = &match->clocks[lane];
		json_open_item(out);
		json_integer(out, "gpu", (int64_t)lane);
		json_integer(out, "trace", (int64_t)report->gpus[lane].trace);
		json_text_or_null(out, "host", report->traces[report->gpus[lane].trace].host);
		json_integer(out, "reference_gpu", (int64_t)clock->reference);
		json_key(out, "state");
		text_add_json(out, clock_state_name(clock->state));
		json_integer(out, "offset_ns", clock->offset_ns);
		json_integer_or_null(out, "error_ns", clock->error_ns);
		json_integer(out, "drift_ppb", clock->drift_ppb);
		json_integer(out, "barriers", (int64_t)clock->barrier_count);
		json_integer(out, "contradiction_ns", clock->contradiction_ns);
		json_bool(out, "is_feasible", clock->is_feasible);
		text_add_char(out, '}');
	}
	text_add_char(out, ']');
}

static void add_communicator(struct text *out, int64_t hash)
{
	char text[HASH_BYTES];
	(void)snprintf(text, sizeof text, "0x%" PRIx64, (uint64_t)hash);
	json_text_or_null(out, "communicator", hash == 0 ? NULL : text);
}

static void add_rate(struct text *out, const char *key, int64_t bytes, int64_t ns)
{
	json_key(out, key);
	if (bytes < 0 || !number_add_rate(out, bytes, ns, RATE_DECIMALS))
		text_add(out, "null");
}

static void add_group(struct text *out, const struct report *report,
		      const struct collective_group *group, const struct report_group *kept)
{
	struct text reason;
	text_begin(&reason, (size_t)1 << 16);
	collective_reason_add(&reason, group);
	json_open_item(out);
	add_communicator(out, group->communicator_hash);
	json_text_or_null(out, "operation", group->operation);
	json_text_or_null(out, "algorithm", kept->algorithm);
	json_text_or_null(out, "protocol", kept->protocol);
	json_integer_or_null(out, "ranks", group->rank_count);
	json_integer(out, "ranks_captured", (int64_t)group->lane_count);
	json_integer(out, "matched", (int64_t)group->matched);
	json_integer(out, "kernels", (int64_t)group->kernel_count);
	json_integer(out, "unmatched_kernels", (int64_t)group->unmatched);
	json_bool(out, "is_barrier", group->is_barrier);
	json_bool(out, "is_wait_known", group->is_wait_known);
	json_bool(out, "is_complete", group->is_complete);
	json_text_or_null(out, "reason", text_string(&reason));
	json_integer_or_null(out, "bytes", group->bytes);
	json_integer(out, "wait_ns", group->wait_ns);
	json_integer(out, "transfer_ns", group->transfer_ns);
	json_integer(out, "wire_ns", kept->wire_ns);
	add_rate(out, "algbw_gb_per_s", kept->algorithm_bytes, kept->wire_ns);
	add_rate(out, "busbw_gb_per_s", kept->bus_bytes, kept->wire_ns);
	text_add_char(out, '}');
	text_end(&reason);
	(void)report;
}

static void add_latest(struct text *out, const struct report *report,
		       const struct collective_instance *instance)
{
	const struct collective_match *match = report->job.match;
	json_open(out, "latest_gpus", '[');
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&match->members[instance->first_member + m];
		if (member->start_ns != instance->latest_start_ns)
			continue;
		json_next(out);
		text_add_integer(out, member->lane);
	}
	text_add_char(out, ']');
}

static void add_instance(struct text *out, const struct report *report, size_t index)
{
	const struct collective_match *match = report->job.match;
	const struct collective_instance *instance = &match->instances[index];
	const struct collective_group *group = &match->groups[instance->group];
	json_open_item(out);
	json_integer(out, "index", (int64_t)index);
	json_integer(out, "group", instance->group);
	json_text_or_null(out, "operation", group->operation);
	json_integer_or_null(out, "sequence", instance->sequence);
	add_latest(out, report, instance);
	json_bool(out, "is_ordered", instance->is_ordered);
	json_bool(out, "is_wait_known", instance->is_wait_known);
	json_bool(out, "is_complete", instance->is_complete);
	json_integer(out, "start_spread_ns", instance->start_spread_ns);
	json_integer(out, "end_spread_ns", instance->end_spread_ns);
	json_integer(out, "wait_ns", instance->wait_ns);
	json_open(out, "members", '[');
	for (size_t m = 0; m < instance->member_count; m++) {
		const struct collective_member *member =
			&match->members[instance->first_member + m];
		json_next(out);
		text_add_char(out, '{');
		json_integer(out, "gpu", member->lane);
		json_integer_or_null(out, "rank",
				     report->traces[report->gpus[member->lane].trace].rank);
		json_integer(out, "start_ns", match->base_ns + member->start_ns);
		json_integer(out, "duration_ns", member->end_ns - member->start_ns);
		json_integer(out, "wait_ns", member->wait_ns);
		json_integer(out, "transfer_ns", member->transfer_ns);
		text_add_char(out, '}');
	}
	text_add(out, "]}");
}

static void add_collectives(struct text *out, const struct report *report)
{
	const struct collective_match *match = report->job.match;
	json_open(out, "collectives", '[');
	for (size_t g = 0; g < match->group_count; g++)
		add_group(out, report, &match->groups[g], &report->groups[g]);
	text_add_char(out, ']');
	json_open(out, "collective_instances", '[');
	for (size_t i = 0; i < match->instance_count; i++)
		add_instance(out, report, i);
	text_add_char(out, ']');
}

static void add_efficiency(struct text *out, const struct report *report)
{
	const struct efficiency_chain *chain = &report->chain;
	json_open(out, "efficiency", '{');
	json_ratio_or_null(out, "parallel", chain->parallel_e12);
	json_ratio_or_null(out, "load_balance", chain->load_balance_e12);
	json_ratio_or_null(out, "copy", chain->copy_e12);
	json_ratio_or_null(out, "transfer", chain->transfer_e12);
	json_ratio_or_null(out, "serialisation", chain->serialisation_e12);
	json_ratio_or_null(out, "communication", chain->communication_e12);
	json_ratio_or_null(out, "orchestration", chain->orchestration_e12);
	text_add_char(out, '}');
}

static void add_stragglers(struct text *out, const struct report *report)
{
	const struct stragglers *stragglers = &report->stragglers;
	json_open(out, "stragglers", '{');
	json_key(out, "verdict");
	text_add_json(out, straggler_kind_name(stragglers->kind));
	json_text_or_null(out, "reason", stragglers->reason);
	json_open(out, "set", '[');
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].is_named) {
			int64_t rank = report->traces[report->gpus[g].trace].rank;
			json_next(out);
			if (rank < 0)
				text_add(out, "null");
			else
				text_add_integer(out, rank);
		}
	text_add_char(out, ']');
	json_open(out, "gpus", '[');
	for (size_t g = 0; g < stragglers->gpu_count; g++)
		if (stragglers->gpus[g].is_named) {
			json_next(out);
			text_add_integer(out, (int64_t)g);
		}
	text_add_char(out, ']');
	json_integer(out, "barriers", stragglers->instances);
	json_integer(out, "ambiguous_barriers", stragglers->ambiguous);
	json_integer(out, "incomplete_barriers", stragglers->incomplete);
	json_integer(out, "waits_ns", stragglers->waits_ns);
	json_integer(out, "fix_all_ns", stragglers->fix_all_ns);
	json_integer(out, "fix_set_ns", stragglers->fix_set_ns);
	json_ratio_or_null(out, "entropy", stragglers->entropy_e12);
	json_integer(out, "missing", report->ranks.missing_count);
	text_add_char(out, '}');
}

static void add_blame(struct text *out, const struct report *report, size_t gpu)
{
	const struct rank_blame *blame = &report->stragglers.gpus[gpu];
	json_open_item(out);
	json_integer(out, "gpu", (int64_t)gpu);
	json_integer_or_null(out, "rank", report->traces[report->gpus[gpu].trace].rank);
	json_bool(out, "is_named", blame->is_named);
	json_integer(out, "caused_ns", blame->caused_ns);
	json_ratio_or_null(out, "score", blame->score_e12);
	json_integer(out, "times_latest", blame->times_latest);
	json_integer(out, "steps_latest", blame->steps_latest);
	json_ratio_or_null(out, "persistence_low", blame->persistence_low_e12);
	json_integer(out, "lateness_ns", blame->lateness_ns);
	json_integer(out, "fix_one_ns", blame->fix_one_ns);
	json_integer_or_null(out, "shapley_ns", blame->shapley_ns);
	json_integer(out, "root_ns", blame->root_ns);
	json_integer(out, "unknown_ns", blame->unknown_ns);
	json_integer(out, "passed_ns", blame->passed_ns);
	json_integer_or_null(out, "passed_to_gpu",
			     blame->passed_to == SIZE_MAX ? -1 : (int64_t)blame->passed_to);
	json_ratio_or_null(out, "coverage", blame->coverage_e12);
	json_open(out, "causes", '[');
	for (int part = 0; part < PART_COUNT; part++) {
		if (blame->cause.ns[part] == 0)
			continue;
		json_next(out);
		text_add_char(out, '{');
		json_key(out, "cause");
		text_add_json(out, time_part_name((enum time_part)part));
		json_integer(out, "ns", blame->cause.ns[part]);
		text_add_char(out, '}');
	}
	text_add(out, "]}");
}

/* Means over the GPUs, as `laggard diff` compares them; only steady steps are measured. */
static void add_step_parts(struct text *out, const struct run_steps *run, size_t index)
{
	json_open(out, "parts_ns", '{');
	for (size_t i = 0; i < run->part_count; i++)
		json_integer(out, run->parts[i].name, run->parts[i].ns[index]);
	text_add_char(out, '}');
}

static int64_t step_start_ns(const struct report *report, size_t gpu, size_t step)
{
	return report->traces[report->gpus[gpu].trace].epoch_ns +
	       report->job.gpus[gpu].step_ns[step];
}

static void add_step(struct text *out, const struct report *report, const struct run_steps *run,
		     size_t step)
{
	const struct step_choice *choice = &report->job.steps.choice;
	const struct job_steps *steps = &report->job.steps;
	json_open_item(out);
	json_integer(out, "number", steps->first_number + (int64_t)step);
	json_bool(out, "is_steady", step >= steps->choice.first && step < steps->choice.end);
	json_bool(out, "is_slow", steps->choice.is_slow[step]);
	json_integer(out, "duration_ns", steps->duration_ns[step]);
	json_open(out, "gpu_start_ns", '[');
	for (size_t g = 0; g < report->gpu_count; g++) {
		json_next(out);
		text_add_integer(out, step_start_ns(report, g, step));
	}
	text_add_char(out, ']');
	json_open(out, "gpu_ns", '[');
	for (size_t g = 0; g < report->gpu_count; g++) {
		json_next(out);
		text_add_integer(out, step_start_ns(report, g, step + 1) -
				      step_start_ns(report, g, step));
	}
	text_add_char(out, ']');
	if (run->part_count > 0 && step >= choice->first && step - choice->first < run->count)
		add_step_parts(out, run, step - choice->first);
	text_add_char(out, '}');
}

static void add_step_list(struct text *out, const struct report *report)
{
	struct run_steps run;
	if (!run_steps_of_report(&run, report, "", NULL)) {
		out->failed = true;
		return;
	}
	json_integer_or_null(out, "kernels_per_step", run.kernels);
	json_open(out, "list", '[');
	for (size_t i = 0; i < report->job.steps.count; i++)
		add_step(out, report, &run, i);
	text_add_char(out, ']');
	run_steps_end(&run);
}

static void add_steps(struct text *out, const struct report *report)
{
	const struct job_steps *steps = &report->job.steps;
	json_open(out, "steps", '{');
	json_text_or_null(out, "anchor", steps->is_known ? step_anchor_name(steps->anchor) : NULL);
	json_text_or_null(out, "reason", steps->reason);
	if (steps->is_known) {
		json_text_or_null(out, "name", steps->name);
		json_integer(out, "count", (int64_t)steps->count);
		json_integer(out, "used", (int64_t)(steps->choice.end - steps->choice.first));
		json_integer(out, "first",
			     steps->first_number + (int64_t)steps->choice.first);
		json_integer(out, "last", steps->first_number + (int64_t)steps->choice.end - 1);
		json_text_or_null(out, "steady_reason", steps->choice.reason);
		json_integer(out, "median_ns", steps->choice.median_ns);
		json_integer(out, "mad_ns", steps->choice.mad_ns);
		json_integer(out, "min_ns", report_step_extreme_ns(report, false));
		json_integer(out, "max_ns", report_step_extreme_ns(report, true));
		json_integer(out, "slow", (int64_t)steps->choice.slow_count);
		json_integer(out, "collectives_per_step", (int64_t)steps->collectives_per_step);
		json_integer(out, "micro_batches", (int64_t)steps->micro_batches);
		json_ratio_or_null(out, "agreement", steps->agreement_e12);
		add_step_list(out, report);
	}
	text_add_char(out, '}');
}

void json_add_job(struct text *out, const struct report *report)
{
	add_clocks(out, report);
	add_collectives(out, report);
	add_efficiency(out, report);
	add_stragglers(out, report);
	json_open(out, "blame", '[');
	for (size_t g = 0; g < report->stragglers.gpu_count; g++)
		add_blame(out, report, g);
	text_add_char(out, ']');
	add_steps(out, report);
}
