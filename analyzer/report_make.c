/* SPDX-License-Identifier: MIT */
#include "analyzer/report_make.h"

#include "analyzer/metric_bandwidth.h"
#include "analyzer/pipeline_facts.h"
#include "analyzer/ranks.h"
#include "base/id_map.h"

#include <stdlib.h>
#include <string.h>

static const size_t ARENA_BYTES_MAX = (size_t)1 << 32;

enum { VERSION_MISMATCHES_MAX = 8, VERSION_WORDS_BYTES = 4096 };

/* The arenas of the traces become the report's. */
static bool take_traces(struct report *report, const struct report_parts *parts)
{
	struct arena *arena = report->arenas[0];
	size_t gpu_count = 0;
	for (size_t i = 0; i < parts->count; i++)
		gpu_count += parts->measures[i].gpu_count;
	report->traces = arena_take_array(arena, parts->count + 1, sizeof *report->traces);
	report->gpus = arena_take_array(arena, gpu_count + 1, sizeof *report->gpus);
	if (report->traces == NULL || report->gpus == NULL)
		return false;
	for (size_t i = 0; i < parts->count; i++) {
		struct trace_measures *measures = &parts->measures[i];
		report->arenas[report->arena_count++] = measures->arena;
		measures->arena = NULL;
		for (size_t g = 0; g < measures->gpu_count; g++) {
			report->gpus[report->gpu_count] = measures->gpus[g];
			report->gpus[report->gpu_count++].trace = report->trace_count;
		}
		report->traces[report->trace_count++] = measures->trace;
	}
	return true;
}

static void sum_totals(struct report *report)
{
	struct report_totals *totals = &report->totals;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct partition *partition = &report->gpus[g].partition;
		totals->window_ns = add_saturated(totals->window_ns, partition->window_ns);
		totals->compute_ns = add_saturated(totals->compute_ns, partition->compute_ns);
		totals->comm_ns = add_saturated(totals->comm_ns, partition->comm_ns);
		totals->copy_ns = add_saturated(totals->copy_ns, partition->copy_ns);
		totals->idle_ns = add_saturated(totals->idle_ns, partition->idle_ns);
		totals->graph_only_ns =
			add_saturated(totals->graph_only_ns, partition->graph_only_ns);
		totals->not_recorded_ns = add_saturated(
			totals->not_recorded_ns,
			report->job.gpus[g].time.parts.ns[PART_IDLE + CAUSE_NOT_RECORDED]);
	}
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		totals->lost_records = add_saturated(totals->lost_records, trace->lost_records);
		totals->broken_traces += trace->error != NULL;
		totals->empty_traces += trace->error == NULL && trace->left_out_for == NULL &&
			trace->gpu_count == 0;
	}
}

static bool is_same_work(const struct report *report, const struct report_gpu *a,
			 const struct report_gpu *b)
{
	const struct report_trace *x = &report->traces[a->trace], *y = &report->traces[b->trace];
	return a->trace != b->trace && x->rank == y->rank && x->pid == y->pid &&
	       strcmp(x->host, y->host) == 0 && a->device_id == b->device_id &&
	       a->window_start_ns == b->window_start_ns && a->rows.gpu_rows == b->rows.gpu_rows &&
	       a->partition.compute_ns == b->partition.compute_ns &&
	       a->partition.window_ns == b->partition.window_ns;
}

/* A trace and what was imported from it often lie in one folder. */
static void find_repeated(struct report *report)
{
	for (size_t g = 0; g < report->gpu_count; g++) {
		struct report_gpu *gpu = &report->gpus[g];
		gpu->same_as = SIZE_MAX;
		for (size_t before = 0; before < g && gpu->same_as == SIZE_MAX; before++)
			if (is_same_work(report, gpu, &report->gpus[before]))
				gpu->same_as = before;
		report->totals.repeated_gpus += gpu->same_as != SIZE_MAX;
	}
}

static bool find_balance(struct report *report)
{
	int64_t *compute_ns = calloc(report->gpu_count + 1, sizeof *compute_ns);
	if (compute_ns == NULL)
		return false;
	for (size_t g = 0; g < report->gpu_count; g++)
		compute_ns[g] = report->gpus[g].partition.compute_ns;
	report->balance = balance_measure(compute_ns, report->gpu_count);
	free(compute_ns);
	return true;
}

static int kernel_compare(const void *left, const void *right)
{
	const struct report_kernel *a = left, *b = right;
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->total_ns != b->total_ns)
		return a->total_ns > b->total_ns ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Kernels of equal name, over all launch shapes and traces. */
static bool merge_kernels(const struct report_parts *parts, struct report_kernel *merged,
			  size_t *count)
{
	struct bytes_map places = { 0 };
	bool ok = true;
	for (size_t i = 0; ok && i < parts->count; i++) {
		const struct trace_measures *measures = &parts->measures[i];
		for (size_t k = 0; ok && k < measures->kernel_count; k++) {
			const struct report_kernel *kernel = &measures->kernels[k];
			size_t length = strlen(kernel->name);
			int64_t place = 0;
			if (!bytes_map_get(&places, kernel->name, length, &place)) {
				place = (int64_t)(*count)++;
				merged[place] = *kernel;
				ok = bytes_map_put(&places, kernel->name, length, place);
				continue;
			}
			struct report_kernel *sum = &merged[place];
			sum->count = add_saturated(sum->count, kernel->count);
			sum->total_ns = add_saturated(sum->total_ns, kernel->total_ns);
			if (kernel->longest_ns > sum->longest_ns)
				sum->longest_ns = kernel->longest_ns;
		}
	}
	bytes_map_end(&places);
	return ok;
}

static bool find_kernels(struct report *report, const struct report_parts *parts)
{
	size_t symbol_count = 0, count = 0;
	for (size_t i = 0; i < parts->count; i++)
		symbol_count += parts->measures[i].kernel_count;
	struct report_kernel *merged = calloc(symbol_count + 1, sizeof *merged);
	report->kernels = arena_take_array(report->arenas[0], (size_t)2 * REPORT_KERNELS_MAX,
					   sizeof *report->kernels);
	bool ok = merged != NULL && report->kernels != NULL &&
		  merge_kernels(parts, merged, &count);
	if (ok && count > 1)
		qsort(merged, count, sizeof *merged, kernel_compare);
	size_t of_class = 0;
	for (size_t k = 0; ok && k < count; k++) {
		of_class = k > 0 && merged[k].class == merged[k - 1].class ? of_class + 1 : 0;
		if (of_class < REPORT_KERNELS_MAX)
			report->kernels[report->kernel_count++] = merged[k];
	}
	free(merged);
	return ok;
}

/* What the job borrowed from the traces' readers becomes the report's own. */
static bool keep_job_texts(struct report *report)
{
	struct job *job = &report->job;
	struct arena *arena = report->arenas[0];
	for (size_t g = 0; g < job->match->group_count; g++) {
		struct collective_group *group = &job->match->groups[g];
		group->operation =
			arena_copy_text(arena, group->operation, strlen(group->operation));
		if (group->operation == NULL)
			return false;
	}
	if (job->steps.name != NULL)
		job->steps.name =
			arena_copy_text(arena, job->steps.name, strlen(job->steps.name));
	job->measures = NULL;
	return true;
}

/* What the communication kernels tell that the match does not keep. */
static bool keep_instances(struct report *report)
{
	const struct collective_match *match = report->job.match;
	size_t room = match->instance_count + 1;
	report->instance_bytes =
		arena_take_array(report->arenas[0], room, sizeof *report->instance_bytes);
	report->instance_start_ns =
		arena_take_array(report->arenas[0], room, sizeof *report->instance_start_ns);
	if (report->instance_bytes == NULL || report->instance_start_ns == NULL)
		return false;
	for (size_t i = 0; i < match->instance_count; i++) {
		const struct collective_member *member =
			&match->members[match->instances[i].first_member];
		const struct comm_kernel *kernel =
			&report->job.lanes[member->lane].kernels[member->kernel];
		report->instance_bytes[i] = kernel->bytes;
		report->instance_start_ns[i] = kernel->start_ns;
	}
	return true;
}

/* The first words that are known. False: memory is short. */
static bool keep_words(struct report *report, const char **kept, const char *words)
{
	if (*kept != NULL || words == NULL || words[0] == 0)
		return true;
	*kept = arena_copy_text(report->arenas[0], words, strlen(words));
	return *kept != NULL;
}

/* What the matched collectives in the window moved, and how long that took. */
static bool find_groups(struct report *report)
{
	const struct job *job = &report->job;
	const struct collective_match *match = job->match;
	report->groups = arena_take_array(report->arenas[0], match->group_count + 1,
					  sizeof *report->groups);
	if (report->groups == NULL)
		return false;
	for (size_t i = 0; i < match->instance_count; i++) {
		const struct collective_instance *instance = &match->instances[i];
		const struct collective_group *group = &match->groups[instance->group];
		const struct collective_member *member = &match->members[instance->first_member];
		const struct comm_kernel *kernel =
			&job->lanes[member->lane].kernels[member->kernel];
		const struct time_window *window = &job->gpus[member->lane].window;
		struct report_group *sum = &report->groups[instance->group];
		struct bandwidth moved;
		if (kernel->start_ns < window->start_ns || kernel->start_ns >= window->end_ns)
			continue;
		if (!keep_words(report, &sum->algorithm, kernel->algorithm) ||
		    !keep_words(report, &sum->protocol, kernel->protocol))
			return false;
		int64_t wire_ns = instance->end_ns - instance->latest_start_ns;
		sum->instances++;
		sum->wire_ns = add_saturated(sum->wire_ns, wire_ns > 0 ? wire_ns : 0);
		if (sum->algorithm_bytes < 0 ||
		    !bandwidth_measure(&moved, group->operation, kernel->bytes,
				       group->rank_count > 0 ? group->rank_count :
				       (int64_t)instance->member_count, 1000000000)) {
			sum->algorithm_bytes = sum->bus_bytes = -1;
			continue;
		}
		sum->algorithm_bytes =
			add_saturated(sum->algorithm_bytes, moved.algorithm_bytes_per_s);
		sum->bus_bytes = add_saturated(sum->bus_bytes, moved.bus_bytes_per_s);
	}
	return true;
}

static void find_chain(struct report *report, struct chain_times *times)
{
	int64_t longest_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++) {
		const struct partition *partition = &report->gpus[g].partition;
		const struct job_gpu *gpu = &report->job.gpus[g];
		const struct time_parts *parts = &gpu->time.parts;
		bool is_told = gpu->is_wait_known || partition->comm_ns == 0;
		times[g] = (struct chain_times){
			.compute_ns = partition->compute_ns,
			.copy_ns = partition->copy_ns,
			.transfer_ns = is_told ? parts->ns[PART_TRANSFER] : -1,
			.wait_ns = is_told ? parts->ns[PART_WAIT] : partition->comm_ns,
		};
		if (partition->window_ns > longest_ns)
			longest_ns = partition->window_ns;
	}
	report->chain = chain_measure(times, report->gpu_count, longest_ns);
}

static bool find_efficiency(struct report *report)
{
	struct chain_times *times = calloc(report->gpu_count + 1, sizeof *times);
	if (times == NULL)
		return false;
	find_chain(report, times);
	free(times);
	return true;
}

static void add_version(struct text *words, const struct trace_row *const *traces,
			const struct version_mismatch *mismatch)
{
	text_add(words, words->length == 0 ? "" : "; ");
	if (mismatch->field == VERSION_FIELD_COUNT) {
		text_add_format(words, "%.*s differs", (int)mismatch->variable_length,
				mismatch->variable);
		return;
	}
	struct version_text first = version_of(traces[mismatch->first], mismatch->field);
	struct version_text other = version_of(traces[mismatch->other], mismatch->field);
	text_add_format(words, "%s %.*s and %.*s", version_field_name(mismatch->field),
			(int)first.length, first.text, (int)other.length, other.text);
}

/* Which versions and settings differ between the ranks. */
static bool find_versions(struct report *report, const struct report_parts *parts)
{
	struct version_mismatch mismatches[VERSION_MISMATCHES_MAX];
	const struct trace_row **traces = calloc(parts->count + 1, sizeof *traces);
	struct text words;
	size_t count = 0;
	if (traces == NULL)
		return false;
	for (size_t i = 0; i < parts->count; i++)
		if (parts->measures[i].trace.error == NULL)
			traces[count++] = trace_reader_trace(parts->measures[i].input->reader);
	size_t found = versions_compare(traces, count, mismatches, VERSION_MISMATCHES_MAX);
	text_begin(&words, VERSION_WORDS_BYTES);
	for (size_t i = 0; i < found && i < VERSION_MISMATCHES_MAX; i++)
		add_version(&words, traces, &mismatches[i]);
	if (words.length > 0)
		report->version_words = arena_copy_text(report->arenas[0], text_string(&words),
							words.length);
	bool ok = text_is_ok(&words) && (words.length == 0 || report->version_words != NULL);
	text_end(&words);
	free(traces);
	return ok;
}

bool report_make(struct report **out, const struct report_parts *parts, struct error *error)
{
	struct report *report = calloc(1, sizeof *report);
	bool ok = report != NULL;
	if (ok) {
		report->arenas = calloc(parts->count + 1, sizeof(struct arena *));
		ok = report->arenas != NULL &&
		     (report->arenas[0] = arena_create(ARENA_BYTES_MAX)) != NULL;
	}
	if (ok) {
		report->arena_count = 1;
		report->window_start_ns = parts->options->window_start_ns;
		report->window_end_ns = parts->options->window_end_ns;
		ok = stragglers_find(&report->stragglers, parts->job, report->arenas[0],
				     error) &&
		     find_kernels(report, parts) && take_traces(report, parts) &&
		     find_balance(report) && ranks_find(report) && hangs_find(report) &&
		     find_versions(report, parts);
	}
	if (ok) {
		report->job = *parts->job;
		report->facts = *parts->facts;
		*parts->job = (struct job){ 0 };
		*parts->facts = NULL;
		ok = keep_job_texts(report) && keep_instances(report) &&
			find_groups(report) && find_efficiency(report) &&
			pipeline_find(report, error);
	}
	if (!ok) {
		report_close(report);
		return fail(error, ERROR_SYSTEM, "cannot analyse: no memory for the report");
	}
	sum_totals(report);
	find_repeated(report);
	if (!findings_find(report, error)) {
		report_close(report);
		return false;
	}
	*out = report;
	return true;
}
