/* SPDX-License-Identifier: MIT */
#include "analyzer/analyze.h"

#include "analyzer/metric_bandwidth.h"
#include "analyzer/ranks.h"
#include "analyzer/trace_measures.h"
#include "base/id_map.h"
#include "tracedb/vocabulary.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };
static const size_t ARENA_BYTES_MAX = (size_t)1 << 32;

struct analysis {
	struct trace_set *set;
	const struct analyze_options *options;
	struct trace_measures *measures;	/* one a trace of the set */
	size_t count;
	struct job job;
	struct gpu_facts *facts;	/* one a GPU of the job */
	atomic_size_t next;		/* trace that the next free thread takes */
	bool is_loaded;			/* the pass that measures */
};

struct worker {
	struct analysis *analysis;
	pthread_t thread;
	bool has_failed;
	struct error error;
};

static bool analysis_do_one(struct analysis *analysis, size_t index, struct error *error)
{
	struct trace_measures *measures = &analysis->measures[index];
	if (analysis->is_loaded)
		return trace_measures_measure(measures, &analysis->job, error) &&
		       (measures->timeline == NULL ||
			gpu_facts_measure(analysis->facts, &analysis->job, index,
					  measures->input->reader, measures->timeline, error));
	measures->place = index;
	return trace_measures_load(measures, trace_set_input(analysis->set, index), error);
}

static void *worker_run(void *context)
{
	struct worker *worker = context;
	struct analysis *analysis = worker->analysis;
	/* Relaxed: the counter only hands out work; results are passed on by pthread_join. */
	for (;;) {
		size_t index = atomic_fetch_add_explicit(&analysis->next, 1, memory_order_relaxed);
		if (index >= analysis->count)
			break;
		if (!analysis_do_one(analysis, index, &worker->error)) {
			worker->has_failed = true;
			break;
		}
	}
	return NULL;
}

static size_t thread_count(const struct analysis *analysis)
{
	long wanted = analysis->options->thread_count > 0 ? analysis->options->thread_count :
		sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = wanted < 1 ? 1 : (size_t)wanted;
	count = count > THREADS_MAX ? THREADS_MAX : count;
	return count > analysis->count ? analysis->count : count;
}

/* All traces once, side by side. This thread works too, so that no thread at all is needed. */
static bool analysis_pass(struct analysis *analysis, struct error *error)
{
	struct worker workers[THREADS_MAX];
	size_t count = thread_count(analysis), started = 1;
	bool ok = true;
	atomic_store(&analysis->next, 0);
	for (size_t i = 0; i < count; i++)
		workers[i] = (struct worker){ .analysis = analysis };
	while (started < count &&
	       pthread_create(&workers[started].thread, NULL, worker_run, &workers[started]) == 0)
		started++;
	(void)worker_run(&workers[0]);
	for (size_t i = 1; i < started; i++)
		(void)pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; i < started && ok; i++)
		if (workers[i].has_failed) {
			ok = false;
			if (error != NULL)
				*error = workers[i].error;
		}
	return ok;
}

static int64_t clamp_time(int64_t a, int64_t b, bool is_sum)
{
	int64_t result;
	bool is_beyond = is_sum ? __builtin_add_overflow(a, b, &result)
				: __builtin_sub_overflow(a, b, &result);
	if (is_beyond)
		result = (is_sum ? b : -1 - b) > 0 ? TIME_LIMIT_NS : -TIME_LIMIT_NS;
	if (result > TIME_LIMIT_NS)
		return TIME_LIMIT_NS;
	return result < -TIME_LIMIT_NS ? -TIME_LIMIT_NS : result;
}

/*
 * First start and last end of all GPUs whose traces share a clock: those with a Unix epoch, and
 * those without.
 */
static void find_extent(const struct analysis *analysis, bool is_unix, struct time_window *extent)
{
	*extent = (struct time_window){ INT64_MAX, INT64_MIN };
	for (size_t i = 0; i < analysis->count; i++) {
		const struct trace_measures *measures = &analysis->measures[i];
		if (measures->timeline == NULL ||
		    epoch_is_unix(measures->trace.epoch_ns) != is_unix)
			continue;
		for (size_t g = 0; g < measures->timeline->gpu_count; g++) {
			const struct timeline_gpu *gpu = &measures->timeline->gpus[g];
			if (timeline_gpu_rows(gpu) == 0)
				continue;
			int64_t start_ns =
				clamp_time(measures->trace.epoch_ns, gpu->start_ns, true);
			int64_t end_ns = clamp_time(measures->trace.epoch_ns, gpu->end_ns, true);
			extent->start_ns =
				start_ns < extent->start_ns ? start_ns : extent->start_ns;
			extent->end_ns = end_ns > extent->end_ns ? end_ns : extent->end_ns;
		}
	}
}

static bool set_explicit_windows(struct analysis *analysis, struct error *error)
{
	const struct analyze_options *options = analysis->options;
	struct job *job = &analysis->job;
	job->window = WINDOW_EXPLICIT;
	for (size_t g = 0; g < job->gpu_count; g++) {
		const struct report_trace *trace = &analysis->measures[job->gpus[g].trace].trace;
		struct time_window extent;
		find_extent(analysis, epoch_is_unix(trace->epoch_ns), &extent);
		int64_t start_ns = clamp_time(extent.start_ns, options->window_start_ns, true);
		int64_t end_ns = options->window_end_ns == INT64_MAX ? extent.end_ns :
			clamp_time(extent.start_ns, options->window_end_ns, true);
		if (end_ns <= start_ns)
			return fail(error, ERROR_USAGE,
				    "the window starts after the last GPU activity");
		job->gpus[g].window = (struct time_window){
			clamp_time(start_ns, trace->epoch_ns, false),
			clamp_time(end_ns, trace->epoch_ns, false),
		};
	}
	return true;
}

/* Everything that takes all traces: clocks, collectives, steps, windows. */
static bool analysis_join(struct analysis *analysis, struct error *error)
{
	struct job *job = &analysis->job;
	if (!job_join(job, analysis->measures, analysis->count, error) ||
	    !job_find_steps(job, error))
		return false;
	switch (analysis->options->window) {
	case WINDOW_EXPLICIT:
		if (!set_explicit_windows(analysis, error))
			return false;
		break;
	case WINDOW_STEADY:
		if (job_window_steady(job))
			break;
		job_window_all(job);
		break;
	case WINDOW_ALL:
		job_window_all(job);
		break;
	}
	return job_find_syncs(job, error);
}

/* The arenas of the traces become the report's. */
static bool take_traces(struct report *report, struct analysis *analysis)
{
	struct arena *arena = report->arenas[0];
	size_t gpu_count = 0;
	for (size_t i = 0; i < analysis->count; i++)
		gpu_count += analysis->measures[i].gpu_count;
	report->traces = arena_take_array(arena, analysis->count + 1, sizeof *report->traces);
	report->gpus = arena_take_array(arena, gpu_count + 1, sizeof *report->gpus);
	if (report->traces == NULL || report->gpus == NULL)
		return false;
	for (size_t i = 0; i < analysis->count; i++) {
		struct trace_measures *measures = &analysis->measures[i];
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
	}
	for (size_t t = 0; t < report->trace_count; t++) {
		const struct report_trace *trace = &report->traces[t];
		totals->lost_records = add_saturated(totals->lost_records, trace->lost_records);
		totals->broken_traces += trace->error != NULL;
		totals->empty_traces += trace->error == NULL && trace->gpu_count == 0;
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
static bool merge_kernels(const struct analysis *analysis, struct report_kernel *merged,
			  size_t *count)
{
	struct bytes_map places = { 0 };
	bool ok = true;
	for (size_t i = 0; ok && i < analysis->count; i++) {
		const struct trace_measures *measures = &analysis->measures[i];
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

static bool find_kernels(struct report *report, const struct analysis *analysis)
{
	size_t symbol_count = 0, count = 0;
	for (size_t i = 0; i < analysis->count; i++)
		symbol_count += analysis->measures[i].kernel_count;
	struct report_kernel *merged = calloc(symbol_count + 1, sizeof *merged);
	report->kernels = arena_take_array(report->arenas[0], (size_t)2 * REPORT_KERNELS_MAX,
					   sizeof *report->kernels);
	bool ok = merged != NULL && report->kernels != NULL &&
		  merge_kernels(analysis, merged, &count);
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

static bool make_report(struct report **out, struct analysis *analysis, struct error *error)
{
	struct report *report = calloc(1, sizeof *report);
	bool ok = report != NULL;
	if (ok) {
		report->arenas = calloc(analysis->count + 1, sizeof(struct arena *));
		ok = report->arenas != NULL &&
		     (report->arenas[0] = arena_create(ARENA_BYTES_MAX)) != NULL;
	}
	if (ok) {
		report->arena_count = 1;
		report->window_start_ns = analysis->options->window_start_ns;
		report->window_end_ns = analysis->options->window_end_ns;
		ok = stragglers_find(&report->stragglers, &analysis->job, report->arenas[0],
				     error) &&
		     find_kernels(report, analysis) && take_traces(report, analysis) &&
		     find_balance(report) && ranks_find(report);
	}
	if (ok) {
		report->job = analysis->job;
		report->facts = analysis->facts;
		analysis->job = (struct job){ 0 };
		analysis->facts = NULL;
		ok = keep_job_texts(report) && find_groups(report) && find_efficiency(report);
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

/* Something must have been read: a report about nothing but errors is an error. */
static bool check_readable(const struct analysis *analysis, struct error *error)
{
	for (size_t i = 0; i < analysis->count; i++)
		if (analysis->measures[i].trace.error == NULL)
			return true;
	if (analysis->count == 0)
		return fail(error, ERROR_INPUT, "no traces to analyse");
	return fail(error, ERROR_INPUT, "%s", analysis->measures[0].trace.error);
}

bool analyze_traces(struct trace_set *set, const struct analyze_options *options,
		    struct report **out, struct error *error)
{
	struct analysis analysis = { .set = set,
				     .options = options,
				     .count = trace_set_count(set) };
	bool ok = false;
	*out = NULL;
	analysis.measures = calloc(analysis.count + 1, sizeof *analysis.measures);
	if (analysis.measures == NULL) {
		(void)fail(error, ERROR_SYSTEM, "cannot analyse: no memory");
		goto out;
	}
	if (!analysis_pass(&analysis, error) || !check_readable(&analysis, error) ||
	    !analysis_join(&analysis, error))
		goto out;
	analysis.is_loaded = true;
	analysis.facts = calloc(analysis.job.gpu_count + 1, sizeof *analysis.facts);
	if (analysis.facts == NULL) {
		(void)fail(error, ERROR_SYSTEM, "cannot analyse: no memory");
		goto out;
	}
	if (!analysis_pass(&analysis, error))
		goto out;
	ok = make_report(out, &analysis, error);
out:
	for (size_t i = 0; analysis.measures != NULL && i < analysis.count; i++)
		trace_measures_end(&analysis.measures[i]);
	for (size_t g = 0; analysis.facts != NULL && g < analysis.job.gpu_count; g++)
		gpu_facts_end(&analysis.facts[g]);
	free(analysis.facts);
	job_end(&analysis.job);
	free(analysis.measures);
	return ok;
}
