/* SPDX-License-Identifier: MIT */
#include "analyzer/sidecar_write.h"
#include "analyzer/report_words.h"

#include "analyzer/sidecar.h"
#include "tracedb/demangle.h"

#include <inttypes.h>
#include <stdio.h>

enum { COMMUNICATOR_BYTES = 24, REPORT_VERSION = 1, STAGED_PAIRS_MAX = 16 };
static const size_t WORDS_BYTES_MAX = 1 << 20;

/* A time of a GPU's trace on the clock of the job. */
static int64_t job_time(const struct report *report, size_t gpu, int64_t time_ns)
{
	return report->job.match->base_ns + collective_align(report->job.match, gpu, time_ns);
}

static bool is_told(const struct report *report, size_t gpu)
{
	return report->job.gpus[gpu].is_wait_known ||
	       report->gpus[gpu].partition.comm_union_ns == 0;
}

static bool add_analysis(struct sidecar *sidecar, const struct report *report,
			 const struct sidecar_origin *origin, struct error *error)
{
	const struct job_steps *steps = &report->job.steps;
	int64_t start_ns = INT64_MAX, end_ns = INT64_MIN;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct time_window *window = &report->job.gpus[g].window;
		int64_t from_ns = job_time(report, g, window->start_ns);
		int64_t to_ns = job_time(report, g, window->end_ns);
		start_ns = from_ns < start_ns ? from_ns : start_ns;
		end_ns = to_ns > end_ns ? to_ns : end_ns;
	}
	struct text verdict;
	text_begin(&verdict, 1 << 16);
	words_add_verdict(&verdict, report);
	const struct analysis_row row = {
		.tool_version = origin->tool_version,
		.report_version = REPORT_VERSION,
		.made_ns = origin->made_ns,
		.options = origin->options,
		.window_kind = window_kind_name(report->job.window),
		.window_reason = report->job.window_reason,
		.window_start_ns = report->gpu_count == 0 ? 0 : start_ns,
		.window_end_ns = report->gpu_count == 0 ? 0 : end_ns,
		.gpu_ns = report->totals.window_ns,
		.world_size = report->ranks.world_size,
		.step_anchor = steps->is_known ? step_anchor_name(steps->anchor) : "",
		.step_name = steps->is_known ? steps->name : "",
		.step_reason = steps->reason,
		.straggler_verdict = straggler_kind_name(report->stragglers.kind),
		.straggler_reason = report->stragglers.reason,
		.verdict = text_string(&verdict),
	};
	bool ok = text_is_ok(&verdict)
			  ? sidecar_add_analysis(sidecar, &row, error)
			  : fail(error, ERROR_SYSTEM, "no memory to write the analysis");
	text_end(&verdict);
	return ok;
}

static bool add_traces(struct sidecar *sidecar, const struct report *report, struct error *error)
{
	bool ok = true;
	for (size_t t = 0; ok && t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		struct analysis_trace_row row = {
			.trace_id = (int64_t)t, .path = trace->path, .error = trace->error,
			.source = trace->source, .host = trace->host, .pid = trace->pid,
			.rank = trace->rank, .world_size = trace->world_size,
			.epoch_ns = trace->epoch_ns, .error_ns = -1, .clock_state = "unknown",
			.lost_records = trace->lost_records,
		};
		for (size_t g = 0; g < report->gpu_count; g++) {
			const struct lane_clock *clock = &report->job.match->clocks[g];
			if (report->gpus[g].trace != t)
				continue;
			row.offset_ns = clock->offset_ns;
			row.error_ns = clock->error_ns;
			row.drift_ppb = clock->drift_ppb;
			row.clock_state = clock_state_name(clock->state);
			break;
		}
		ok = sidecar_add_analysis_trace(sidecar, &row, error);
	}
	return ok;
}

static bool add_gpu(struct sidecar *sidecar, const struct report *report, size_t g,
		    struct error *error)
{
	const struct report_gpu *gpu = &report->gpus[g];
	const struct partition *partition = &gpu->partition;
	const struct time_parts *parts = &report->job.gpus[g].time.parts;
	const struct gpu_time_row row = {
		.gpu_id = (int64_t)g,
		.trace_id = (int64_t)gpu->trace,
		.rank = report->traces[gpu->trace].rank,
		.device_id = gpu->device_id,
		.name = gpu->name,
		.uuid = gpu->uuid,
		.same_as_gpu_id = gpu->same_as == SIZE_MAX ? -1 : (int64_t)gpu->same_as,
		.start_ns = job_time(report, g, report->job.gpus[g].window.start_ns),
		.window_ns = partition->window_ns,
		.compute_ns = partition->compute_ns,
		.comm_ns = partition->comm_ns,
		.comm_wait_ns = is_told(report, g) ? parts->ns[PART_WAIT] : -1,
		.comm_transfer_ns = is_told(report, g) ? parts->ns[PART_TRANSFER] : -1,
		.copy_ns = partition->copy_ns,
		.idle_ns = partition->idle_ns,
		.compute_union_ns = partition->compute_union_ns,
		.comm_union_ns = partition->comm_union_ns,
		.copy_union_ns = partition->copy_union_ns,
		.comm_compute_overlap_ns = partition->comm_compute_overlap_ns,
		.blocking_comm_ns = parts->absent_ns[CAUSE_COMM],
		.blocking_copy_ns = parts->absent_ns[CAUSE_COPY],
		.graph_only_ns = partition->graph_only_ns,
		.idle_gaps = partition->idle_gaps,
		.longest_gap_ns = partition->longest_gap_ns,
		.kernels = gpu->rows.kernels,
		.comm_kernels = gpu->rows.comm_kernels,
		.copies = gpu->rows.memcpys,
	};
	return sidecar_add_gpu_time(sidecar, &row, error);
}

static bool add_causes(struct sidecar *sidecar, const struct report *report, size_t g,
		       struct error *error)
{
	const struct gpu_time *time = &report->job.gpus[g].time;
	bool ok = true;
	for (int cause = 0; ok && cause < CAUSE_COUNT; cause++) {
		const char *name = idle_cause_name((enum idle_cause)cause);
		const struct idle_cause_row idle = {
			.gpu_id = (int64_t)g, .cause = name,
			.idle_ns = time->parts.ns[PART_IDLE + cause],
			.gaps = time->cause_gaps[cause],
		};
		const struct absent_cause_row absent = {
			.gpu_id = (int64_t)g, .cause = name,
			.absent_ns = time->parts.absent_ns[cause],
		};
		ok = (idle.idle_ns == 0 || sidecar_add_idle_cause(sidecar, &idle, error)) &&
		     (absent.absent_ns == 0 ||
		      sidecar_add_absent_cause(sidecar, &absent, error));
	}
	return ok;
}

static bool add_step(struct sidecar *sidecar, const struct report *report, size_t g, size_t step,
		     struct error *error)
{
	const struct job_steps *steps = &report->job.steps;
	const struct job_gpu *gpu = &report->job.gpus[g];
	const struct time_parts *parts = &gpu->step_parts[step];
	/* Only what the sweep has passed is known: steps of the window. */
	bool is_steady = step >= steps->choice.first && step < steps->choice.end;
	int64_t comm_ns = parts->ns[PART_WAIT] + parts->ns[PART_TRANSFER];
	const struct step_row row = {
		.number = steps->first_number + (int64_t)step,
		.gpu_id = (int64_t)g,
		.start_ns = job_time(report, g, gpu->step_ns[step]),
		.duration_ns = gpu->step_ns[step + 1] - gpu->step_ns[step],
		.is_steady = is_steady,
		.compute_ns = parts->ns[PART_COMPUTE],
		.comm_ns = comm_ns,
		.comm_wait_ns = is_told(report, g) ? parts->ns[PART_WAIT] : -1,
		.comm_transfer_ns = is_told(report, g) ? parts->ns[PART_TRANSFER] : -1,
		.copy_ns = time_parts_copy(parts),
		.idle_ns = time_parts_idle(parts),
		.kernels = -1,
	};
	bool ok = sidecar_add_step(sidecar, &row, error);
	for (int cause = 0; ok && cause < CAUSE_COUNT; cause++) {
		const struct step_idle_row idle = {
			.number = row.number, .gpu_id = (int64_t)g,
			.cause = idle_cause_name((enum idle_cause)cause),
			.idle_ns = parts->ns[PART_IDLE + cause],
		};
		ok = idle.idle_ns == 0 || sidecar_add_step_idle(sidecar, &idle, error);
	}
	return ok;
}

static bool add_steps(struct sidecar *sidecar, const struct report *report, size_t g,
		      struct error *error)
{
	bool ok = true;
	if (report->job.gpus[g].step_ns == NULL)
		return true;
	for (size_t step = 0; ok && step < report->job.steps.count; step++)
		ok = add_step(sidecar, report, g, step, error);
	return ok;
}

static bool add_pieces(struct sidecar *sidecar, const struct report *report, size_t g,
		       struct error *error)
{
	const struct kept_pieces *pieces = &report->job.gpus[g].pieces;
	char readable[DEMANGLE_BYTES];
	int64_t gap = 0;
	bool ok = true;
	for (size_t i = 0; ok && i < pieces->count; i++) {
		const struct kept_piece *piece = &pieces->items[i];
		size_t step = 0;
		bool has_step = report_step_at(report, g, piece->start_ns, &step);
		/* In the order of time: pieces of one stretch touch, the next stretch does not. */
		gap += i > 0 && piece->start_ns != pieces->items[i - 1].end_ns;
		ok = sidecar_add_piece(sidecar, &(struct sidecar_piece){
			.gpu_id = (int64_t)g,
			.start_ns = job_time(report, g, piece->start_ns),
			.duration_ns = piece->end_ns - piece->start_ns,
			.cause = idle_cause_name(piece->cause),
			.gap = gap,
			.step = has_step ? report->job.steps.first_number + (int64_t)step : -1,
			.thread_id = piece->thread_id,
			.call = piece->call,
			.range = piece->range,
			.next = piece->next == NULL ? NULL :
				demangle_symbol(piece->next, readable, sizeof readable),
		}, error);
	}
	for (int cause = 0; ok && cause < CAUSE_COUNT; cause++)
		ok = pieces->rest_count[cause] == 0 ||
			sidecar_add_rest(sidecar, (int64_t)g,
					 idle_cause_name((enum idle_cause)cause),
					 pieces->rest_ns[cause], pieces->rest_count[cause], error);
	return ok;
}

static int64_t step_number(const struct report *report, size_t gpu, int64_t time_ns)
{
	size_t step = 0;
	return report_step_at(report, gpu, time_ns, &step) ?
		report->job.steps.first_number + (int64_t)step : -1;
}

static bool add_instance(struct sidecar *sidecar, const struct report *report, size_t index,
			 struct error *error)
{
	const struct collective_match *match = report->job.match;
	const struct collective_instance *instance = &match->instances[index];
	const struct collective_group *group = &match->groups[instance->group];
	const struct collective_member *members = &match->members[instance->first_member];
	const struct collective_member *latest = &match->members[instance->latest_member];
	bool has_latest = instance->latest_count == 1 && instance->is_ordered;
	char communicator[COMMUNICATOR_BYTES] = "";
	int64_t transfer_ns = 0;
	if (group->communicator_hash != 0)
		(void)snprintf(communicator, sizeof communicator, "0x%" PRIx64,
			       (uint64_t)group->communicator_hash);
	for (size_t m = 0; m < instance->member_count; m++)
		if (members[m].transfer_ns > transfer_ns)
			transfer_ns = members[m].transfer_ns;
	const struct collective_instance_row row = {
		.instance_id = (int64_t)index,
		.communicator = communicator,
		.operation = group->operation,
		.sequence = instance->sequence,
		.ranks = group->rank_count,
		.ranks_captured = instance->member_count,
		.size_bytes = report->instance_bytes[index],
		.step = step_number(report, members[0].lane, report->instance_start_ns[index]),
		.latest_start_ns = match->base_ns + instance->latest_start_ns,
		.start_spread_ns = instance->start_spread_ns,
		.end_spread_ns = instance->end_spread_ns,
		.latest_gpu_id = has_latest ? (int64_t)latest->lane : -1,
		.latest_rank = has_latest ?
			report->traces[report->gpus[latest->lane].trace].rank : -1,
		.wait_ns = instance->wait_ns,
		.transfer_ns = transfer_ns,
		.is_barrier = group->is_barrier,
		.is_ordered = !group->is_keyed,
		.is_complete = instance->is_complete,
	};
	bool ok = sidecar_add_collective_instance(sidecar, &row, error);
	for (size_t m = 0; ok && m < instance->member_count; m++) {
		const struct collective_member_row member = {
			.instance_id = (int64_t)index,
			.gpu_id = members[m].lane,
			.start_ns = match->base_ns + members[m].start_ns,
			.duration_ns = members[m].end_ns - members[m].start_ns,
			.wait_ns = instance->is_wait_known ? members[m].wait_ns : -1,
			.transfer_ns = instance->is_wait_known ? members[m].transfer_ns : -1,
		};
		ok = sidecar_add_collective_member(sidecar, &member, error);
	}
	return ok;
}

static bool add_blame(struct sidecar *sidecar, const struct report *report, size_t g,
		      struct error *error)
{
	const struct rank_blame *blame = &report->stragglers.gpus[g];
	const struct blame_row row = {
		.gpu_id = (int64_t)g,
		.caused_ns = blame->caused_ns,
		.score_e12 = blame->score_e12,
		.times_latest = blame->times_latest,
		.steps_latest = blame->steps_latest,
		.persistence_low_e12 = blame->persistence_low_e12,
		.fix_one_ns = blame->fix_one_ns,
		.coverage_e12 = blame->coverage_e12,
		.is_culprit = blame->is_named,
	};
	bool ok = sidecar_add_blame(sidecar, &row, error);
	for (int part = 0; ok && part < PART_COUNT; part++) {
		const struct blame_cause_row cause = {
			.gpu_id = (int64_t)g, .cause = time_part_name((enum time_part)part),
			.caused_ns = blame->cause.ns[part],
		};
		ok = cause.caused_ns == 0 || sidecar_add_blame_cause(sidecar, &cause, error);
	}
	return ok;
}

static bool add_problem(struct sidecar *sidecar, size_t g, const char *kind,
			const struct copy_sum *sum, int64_t recoverable_ns, struct error *error)
{
	const struct transfer_problem_row row = {
		.gpu_id = (int64_t)g, .kind = kind, .count = sum->count,
		.size_bytes = sum->bytes, .duration_ns = sum->busy_ns,
		.recoverable_ns = recoverable_ns,
	};
	return sum->count == 0 || sidecar_add_transfer_problem(sidecar, &row, error);
}

static bool add_problems(struct sidecar *sidecar, const struct report *report, size_t g,
			 struct error *error)
{
	const struct copy_problems *copies = &report->facts[g].copies;
	bool ok = add_problem(sidecar, g, "small", &copies->small, copies->small.exposed_ns,
			      error);
	for (int way = 0; ok && way < COPY_WAY_COUNT; way++)
		ok = add_problem(sidecar, g, "pageable", &copies->pageable[way].sum,
				 copies->pageable[way].recoverable_ns, error) &&
		     add_problem(sidecar, g, "in-line", &copies->in_line[way],
				 copies->in_line[way].exposed_ns, error);
	return ok;
}

static bool add_finding(struct sidecar *sidecar, const struct report *report,
			const struct finding *finding, struct error *error)
{
	struct text words, evidence;
	text_begin(&words, WORDS_BYTES_MAX);
	text_begin(&evidence, WORDS_BYTES_MAX);
	finding_add_words(&words, report, finding);
	finding_add_evidence(&evidence, report, finding);
	const struct finding_row row = {
		.name = finding_name(finding->id),
		.severity = severity_name(finding->severity),
		.gpu_ns = finding->gpu_ns,
		.per_step_ns = finding->per_step_ns,
		.share_e12 = finding->share_e12,
		.count = finding->count,
		.gpu_id = finding->gpu == SIZE_MAX ? -1 : (int64_t)finding->gpu,
		.trace_id = finding->gpu == SIZE_MAX ? -1 :
			(int64_t)report->gpus[finding->gpu].trace,
		.rank = finding->gpu == SIZE_MAX ? -1 :
			report->traces[report->gpus[finding->gpu].trace].rank,
		.text = text_string(&words),
		.advice = finding_advice(finding->id),
		.evidence = text_string(&evidence),
	};
	bool ok = text_is_ok(&words) && text_is_ok(&evidence) ?
		sidecar_add_finding(sidecar, &row, error) :
		fail(error, ERROR_SYSTEM, "no memory for the tables of the analysis");
	text_end(&words);
	text_end(&evidence);
	return ok;
}

bool sidecar_write(const struct report *report, const char *path,
		   const struct sidecar_origin *origin, struct error *error)
{
	struct sidecar *sidecar = NULL;
	if (!sidecar_create(&sidecar, path, PIECE_NS_MIN, error))
		return false;
	bool ok = add_analysis(sidecar, report, origin, error) &&
		  add_traces(sidecar, report, error);
	for (size_t g = 0; ok && g < report->gpu_count; g++)
		ok = add_gpu(sidecar, report, g, error);
	for (size_t g = 0; ok && g < report->gpu_count; g++)
		ok = add_causes(sidecar, report, g, error) &&
		     add_steps(sidecar, report, g, error) &&
		     add_pieces(sidecar, report, g, error) &&
		     add_blame(sidecar, report, g, error) &&
		     add_problems(sidecar, report, g, error);
	for (size_t i = 0; ok && i < report->job.match->instance_count; i++)
		ok = add_instance(sidecar, report, i, error);
	for (size_t i = 0; ok && i < report->finding_count; i++)
		ok = add_finding(sidecar, report, &report->findings[i], error);
	if (ok)
		return sidecar_commit(sidecar, error);
	sidecar_abandon(sidecar);
	return false;
}
