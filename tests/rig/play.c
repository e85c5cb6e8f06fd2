/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "nccl.h"

static struct {
	const struct rig_scenario *scenario;
	const struct rig_run *run;
	const struct rig_play_options *options;
	struct rig_nccl_comm *comms[RIG_GPUS_MAX][RIG_COMMS_MAX];
	atomic_bool has_stepped;
	bool is_hanging;
	_Atomic int64_t last_step;
} play = { .last_step = -1 };

/* A host thread of the scenario and the operation that it was handed. */
struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int number;
	const struct rig_op *op;	/* NULL: idle */
	bool is_running, is_ending;
	atomic_size_t position;	/* running freely: everything before it is done */
};

static struct worker workers[RIG_THREADS_MAX];

/* Reads a pipe into which nobody writes until the time has come: a child does the sleeping. */
static void pipe_await(int64_t ahead_ns)
{
	int ends[2];
	char byte;
	pid_t child;

	if (pipe(ends))
		return;
	child = fork();
	if (!child) {
		close(ends[0]);
		nanosleep(&(struct timespec){ ahead_ns / 1000000000, ahead_ns % 1000000000 }, NULL);
		_exit(0);
	}
	close(ends[1]);
	while (child > 0 && read(ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	close(ends[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void time_await(int64_t scenario_ns)
{
	int64_t ahead = rig_clock_base() + scenario_ns - rig_clock_real();
	enum rig_way way = play.options->way;

	/* What is shorter is not worth a child, nor seen by anybody. */
	if (ahead <= 0)
		return;
	if (way == RIG_WAY_PIPE && ahead > 5000000)
		pipe_await(ahead);
	while (way == RIG_WAY_SPIN && rig_clock_real() < rig_clock_base() + scenario_ns)
		;
	ahead = rig_clock_base() + scenario_ns - rig_clock_real();
	if (ahead > 0)
		nanosleep(&(struct timespec){ ahead / 1000000000, ahead % 1000000000 }, NULL);
}

static void activity_play(const struct rig_op *op, uint32_t correlation)
{
	struct rig_activity activity = op->activity;

	activity.correlation = correlation;
	activity.start_ns += rig_clock_base();
	activity.end_ns += rig_clock_base();
	rig_driver_activity(&activity);
}

static void api_play(const struct rig_op *op)
{
	const struct rig_api api = {
		.name = op->name,
		.domain = op->domain,
		.device = op->device,
		.start_ns = op->start_ns + rig_clock_base(),
		.end_ns = op->end_ns + rig_clock_base(),
	};
	uint32_t correlation;

	rig_clock_set(op->start_ns);
	correlation = rig_driver_api_enter(&api);
	/* CUPTI makes a kernel's record when it ends. */
	for (int i = 1; i <= op->children && !play.is_hanging; i++)
		activity_play(op + i, correlation);
	rig_clock_set(op->end_ns);
	rig_driver_api_exit(&api, correlation);
}

static void launch_play(void *user)
{
	api_play(user);
}

static uint64_t comm_hash(int64_t id)
{
	return 0xC0DE000000000000u + (play.scenario->seed << 8) + (uint64_t)id;
}

static void coll_play(const struct rig_op *op)
{
	const struct rig_item *item = op->item;
	struct rig_nccl_comm *comm = play.comms[op->unit][item->id % RIG_COMMS_MAX];
	struct rig_op *launch = &play.run->ops[op + 1 - play.run->ops];
	int func = rig_func_find(op->name);
	bool is_paired = func == RIG_FUNC_SEND || func == RIG_FUNC_RECV;
	const struct rig_nccl_call call = {
		.func = (enum rig_nccl_func)func, .dtype = item->dtype, .bytes = item->bytes,
		.fused = (int)item->fused, .root = is_paired ? op->peer : (int)item->root,
		.channels = (int)item->channels, .warps = (int)item->warps,
		.sequence = (uint64_t)op->sequence, .start_ns = op->start_ns,
		.launch_start_ns = op->launch_start_ns, .launch_end_ns = op->launch_end_ns,
		.stream = (void *)(uintptr_t)(0x1000 + item->stream), .launch = launch_play,
		.user = launch,
	};

	if (comm)
		rig_nccl_collective(comm, &call);
	else
		api_play(op + 1);
}

static void comm_play(const struct rig_op *op)
{
	struct rig_nccl_comm **comm = &play.comms[op->unit][op->item->id % RIG_COMMS_MAX];
	const struct rig_nccl_init init = {
		.hash = comm_hash(op->item->id),
		.name = op->name,
		.ranks = op->ranks,
		.rank = op->rank,
		.device = (int)op->device,
		.start_ns = op->start_ns,
		.end_ns = op->end_ns,
	};

	if (op->kind == RIG_OP_COMM) {
		*comm = rig_nccl_comm_create(&init);
	} else {
		rig_nccl_comm_destroy(*comm, op->start_ns, op->end_ns);
		*comm = NULL;
	}
}

static void hang_play(const struct rig_op *op)
{
	if (!play.options->is_missing) {
		rig_clock_set(op->start_ns);
		play.is_hanging = true;
		coll_play(op);
	}
	rig_clock_clear();
	play.options->hang();
}

static void op_play(const struct rig_op *op)
{
	if (play.options->is_realtime)
		time_await(op->start_ns);
	if (op->step >= play.options->event_step && play.options->event_step >= 0 &&
	    !atomic_exchange(&play.has_stepped, true))
		play.options->at_step();
	if (op->kind == RIG_OP_COLL && play.options->hang_step >= 0 &&
	    op->step >= play.options->hang_step)
		hang_play(op);
	rig_clock_set(op->start_ns);
	if (play.options->step_begins && op->step > atomic_load(&play.last_step)) {
		atomic_store(&play.last_step, op->step);
		play.options->step_begins(op->step);
	}
	switch (op->kind) {
	case RIG_OP_API: api_play(op); break;
	case RIG_OP_ACTIVITY:
		activity_play(op, op->activity.kind == RIG_ACTIVITY_OVERHEAD ||
			      op->activity.kind == RIG_ACTIVITY_JIT ||
			      op->activity.kind == RIG_ACTIVITY_UNIFIED ? 0 :
			      rig_driver_correlation_take());
		break;
	case RIG_OP_NVTX: rig_play_nvtx(op); break;
	case RIG_OP_COMM:
	case RIG_OP_UNCOMM: comm_play(op); break;
	case RIG_OP_COLL: coll_play(op); break;
	case RIG_OP_JOIN: break;
	}
	rig_clock_clear();
}

/* How many entries of the list an operation takes. */
static size_t op_span(const struct rig_op *op)
{
	if (op->kind == RIG_OP_COLL)
		return 2 + (size_t)op[1].children;
	return 1 + (size_t)op->children;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (!worker->op && !worker->is_ending)
			pthread_cond_wait(&worker->changed, &worker->lock);
		if (!worker->op)
			break;
		op_play(worker->op);
		worker->op = NULL;
		pthread_cond_broadcast(&worker->changed);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

/* Until the other thread has played all that stands before this join. */
static void join_await(const struct rig_op *op)
{
	size_t index = (size_t)(op - play.run->ops);
	struct worker *other = &workers[op->item->with % RIG_THREADS_MAX];

	while (atomic_load(&other->position) < index)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

static void *worker_run_freely(void *argument)
{
	struct worker *worker = argument;

	for (size_t i = 0; i < play.run->count; i += op_span(&play.run->ops[i])) {
		const struct rig_op *op = &play.run->ops[i];

		atomic_store(&worker->position, i);
		if (op->thread != worker->number)
			continue;
		if (op->kind == RIG_OP_JOIN)
			join_await(op);
		else
			op_play(op);
	}
	atomic_store(&worker->position, SIZE_MAX);
	return NULL;
}

static bool worker_start(int number, void *(*run)(void *))
{
	struct worker *worker = &workers[number];

	if (worker->is_running)
		return true;
	worker->number = number;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	worker->is_running = !pthread_create(&worker->thread, NULL, run, worker);
	return worker->is_running;
}

/* Hands one operation to its thread and waits until it is done. */
static bool op_hand_over(const struct rig_op *op)
{
	struct worker *worker = &workers[op->thread];

	if (!worker_start(op->thread, worker_run))
		return false;
	pthread_mutex_lock(&worker->lock);
	worker->op = op;
	pthread_cond_broadcast(&worker->changed);
	while (worker->op)
		pthread_cond_wait(&worker->changed, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
	return true;
}

static void workers_end(void)
{
	for (int i = 1; i < RIG_THREADS_MAX; i++) {
		struct worker *worker = &workers[i];

		if (!worker->is_running)
			continue;
		pthread_mutex_lock(&worker->lock);
		worker->is_ending = true;
		pthread_cond_broadcast(&worker->changed);
		pthread_mutex_unlock(&worker->lock);
		pthread_join(worker->thread, NULL);
		worker->is_running = false;
	}
}

static void contexts_create(void)
{
	for (int i = 0; i < play.run->units_per_process; i++) {
		const struct rig_activity activity = {
			.kind = RIG_ACTIVITY_CONTEXT,
			.device = play.options->first_device + (uint32_t)i,
		};

		rig_driver_activity(&activity);
	}
}

static bool threads_run_freely(void)
{
	bool ok = true;

	/* A thread that does not exist has nothing to wait for. */
	for (int i = 1; i < RIG_THREADS_MAX; i++)
		atomic_store(&workers[i].position, SIZE_MAX);
	for (size_t i = 0; i < play.run->count; i++) {
		int thread = play.run->ops[i].thread;

		if (thread && !workers[thread].is_running) {
			atomic_store(&workers[thread].position, 0);
			ok = worker_start(thread, worker_run_freely) && ok;
		}
	}
	worker_run_freely(&workers[0]);
	workers_end();
	return ok;
}

bool rig_play(const struct rig_scenario *scenario, const struct rig_run *run,
	      const struct rig_play_options *options)
{
	bool ok = true;

	play.scenario = scenario;
	play.run = run;
	play.options = options;
	rig_nccl_clock_set(rig_clock_set);
	contexts_create();
	if (options->is_concurrent)
		return threads_run_freely();
	for (size_t i = 0; i < run->count && ok; i += op_span(&run->ops[i])) {
		if (!run->ops[i].thread)
			op_play(&run->ops[i]);
		else
			ok = op_hand_over(&run->ops[i]);
	}
	workers_end();
	return ok;
}
