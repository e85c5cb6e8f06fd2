/* SPDX-License-Identifier: MIT */
#include "analyzer/analyze.h"

#include "analyzer/dump_overlap.h"
#include "analyzer/report_make.h"
#include "analyzer/trace_measures.h"
#include "tracedb/vocabulary.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

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
	if (analysis->is_loaded) {
		if (!trace_measures_measure(measures, &analysis->job, error))
			return false;
		const struct facts_source source = {
			.reader = measures->input->reader,
			.timeline = measures->timeline,
			.ceilings = analysis->options->ceilings,
			.ceilings_count = analysis->options->ceilings_count,
		};
		return source.timeline == NULL ||
		       gpu_facts_measure(analysis->facts, &analysis->job, index, &source, error);
	}
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
	if (!job_join(job, analysis->measures, analysis->count, error))
		return false;
	job->keeps_pieces = analysis->options->keeps_pieces;
	if (!job_find_steps(job, error))
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
	if (!analysis_pass(&analysis, error) || !check_readable(&analysis, error))
		goto out;
	dumps_leave_out(analysis.measures, analysis.count);
	if (!analysis_join(&analysis, error))
		goto out;
	analysis.is_loaded = true;
	analysis.facts = calloc(analysis.job.gpu_count + 1, sizeof *analysis.facts);
	if (analysis.facts == NULL) {
		(void)fail(error, ERROR_SYSTEM, "cannot analyse: no memory");
		goto out;
	}
	if (!analysis_pass(&analysis, error))
		goto out;
	ok = report_make(out, &(struct report_parts){
		.measures = analysis.measures, .count = analysis.count, .job = &analysis.job,
		.facts = &analysis.facts, .options = options,
	}, error);
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
