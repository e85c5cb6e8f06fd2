/* SPDX-License-Identifier: MIT */
#include "libtrace/capture.h"
#include "libtrace/capture_window.h"
#include "libtrace/control.h"
#include "libtrace/control_path.h"
#include "libtrace/cupti_source.h"
#include "libtrace/drain.h"
#include "libtrace/environment.h"
#include "libtrace/futex.h"
#include "libtrace/host_facts.h"
#include "libtrace/notice.h"
#include "libtrace/output_path.h"
#include "libtrace/thread_log.h"
#include "libtrace/window_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum capture_state {
	CAPTURE_CLOSED, CAPTURE_IDLE, CAPTURE_ARMED, CAPTURE_STARTING, CAPTURE_RECORDING,
	CAPTURE_CLOSING
};

static struct capture {
	_Atomic uint32_t state;		/* enum capture_state; a futex word; 0: not loaded */
	_Atomic pid_t owner;		/* the process that records */
	struct settings settings;
	int64_t epoch_ns;
	bool is_nvtx_taken, is_nccl_taken;
	struct drain_plan plan;
	char path[OUTPUT_PATH_MAX];
	char environment[ENVIRONMENT_TEXT_MAX];
	char runtime_folder[CONTROL_PATH_MAX];
	struct drain *_Atomic drain;
} capture;

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static enum capture_state state_get(void)
{
	/* Acquire pairs with state_set: what was prepared before the change is seen. */
	return (enum capture_state)atomic_load_explicit(&capture.state, memory_order_acquire);
}

static void state_set(enum capture_state state)
{
	atomic_store_explicit(&capture.state, (uint32_t)state, memory_order_release);
	futex_wake(&capture.state);
}

static bool state_change(enum capture_state from, enum capture_state to)
{
	uint32_t expected = (uint32_t)from;
	return atomic_compare_exchange_strong_explicit(&capture.state, &expected, (uint32_t)to,
						       memory_order_acq_rel, memory_order_acquire);
}

void capture_load(const struct preload *preload)
{
	capture.epoch_ns = preload->epoch_ns;
	capture.settings = preload->settings;
	capture.is_nvtx_taken = preload->is_nvtx_taken;
	capture.is_nccl_taken = preload->is_nccl_taken;
	atomic_store_explicit(&capture.owner, getpid(), memory_order_relaxed);
	window_watch_begin(&capture.settings);
	capture_window_begin(&capture.settings, cupti_source_switch);
	if (capture.settings.enabled)
		state_set(CAPTURE_IDLE);
}

const struct settings *capture_settings(void)
{
	return &capture.settings;
}

/*
 * In a forked child: SQLite and CUPTI of the parent must not be touched, not even to close them. A
 * child of a process that had not begun with CUDA may begin itself.
 */
static void capture_forked(void)
{
	thread_log_forget();
	if (state_get() != CAPTURE_IDLE) {
		capture_window_end();
		control_forget();
		atomic_store_explicit(&capture.state, CAPTURE_CLOSED, memory_order_release);
		return;
	}
	atomic_store_explicit(&capture.owner, getpid(), memory_order_relaxed);
	(void)thread_log_start((size_t)capture.settings.log_mb << 20);
}

static void fork_watch(void)
{
	(void)pthread_atfork(NULL, NULL, capture_forked);
}

bool capture_attach_host_source(void)
{
	if (state_get() == CAPTURE_CLOSED)
		return false;
	(void)pthread_once(&fork_once, fork_watch);
	return thread_log_start((size_t)capture.settings.log_mb << 20);
}

static void setting_complain_about(const struct setting *setting, const char *value)
{
	struct text range;
	text_begin(&range, 256);
	setting_add_range(setting, &range);
	notice("%s is '%.100s', which is not %s: using '%.100s'", setting->variable, value,
	       text_string(&range), setting->initial);
	text_end(&range);
}

static void capture_give_up(const struct error *error)
{
	notice("%s", error->message);
	thread_log_stop();
	capture_window_end();
	cupti_source_discard();
	state_set(CAPTURE_CLOSED);
}

static void drain_stopped(bool is_ok)
{
	(void)is_ok;
	capture_window_end();
	state_set(CAPTURE_CLOSED);
}

static bool plan_make(struct error *error)
{
	char host[HOST_TEXT_MAX];
	struct ranks ranks = ranks_read();
	host_name_read(host);
	environment_read(capture.environment);
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (runtime != NULL && strlen(runtime) < sizeof capture.runtime_folder)
		(void)snprintf(capture.runtime_folder, sizeof capture.runtime_folder, "%s",
			       runtime);
	const struct output_fields fields = {
		.host = host, .pid = getpid(), .rank = ranks.rank,
	};
	capture.plan = (struct drain_plan){
		.settings = &capture.settings,
		.epoch_ns = capture.epoch_ns,
		.pid = getpid(),
		.rank = ranks.rank,
		.world_size = ranks.world_size,
		.local_rank = ranks.local_rank,
		.is_nvtx_taken = capture.is_nvtx_taken,
		.is_nccl_taken = capture.is_nccl_taken,
		.path = capture.path,
		.runtime_folder = capture.runtime_folder,
		.environment = capture.environment,
		.stopped = drain_stopped,
	};
	return output_path_make(capture.path, capture.settings.output, &fields, error) &&
		output_path_check(capture.path, error);
}

/* The drain looks at the clock, too; but there is none before CUDA is used. */
static void delay_check(void)
{
	int64_t delay_ns = capture.settings.delay_ms * 1000000;
	if (delay_ns > 0 && realtime_ns() - capture.epoch_ns >= delay_ns)
		capture_window_meet(WINDOW_DELAY, true);
}

/* CUPTI's callback: a context came into being. */
static void capture_begin(void)
{
	if (!state_change(CAPTURE_ARMED, CAPTURE_STARTING))
		return;
	/*
	 * The driver registered exit handlers of its own since we did; ours must run before them.
	 */
	(void)atexit(capture_close);
	delay_check();
	struct drain *drain = drain_start(&capture.plan);
	atomic_store_explicit(&capture.drain, drain, memory_order_release);
	if (drain != NULL) {
		/* It may have failed and closed already. */
		(void)state_change(CAPTURE_STARTING, CAPTURE_RECORDING);
		futex_wake(&capture.state);
		return;
	}
	struct error error;
	(void)fail(&error, ERROR_SYSTEM,
		   "cannot start the recording thread; the GPU is not recorded");
	capture_give_up(&error);
}

void capture_attach_cuda(void)
{
	struct error error = { 0 };
	if (getpid() != atomic_load_explicit(&capture.owner, memory_order_relaxed) &&
	    state_get() != CAPTURE_IDLE)
		return;	/* a child that no fork handler saw */
	bool has_logs = capture_attach_host_source();
	if (!state_change(CAPTURE_IDLE, CAPTURE_ARMED))
		return;
	atomic_store_explicit(&capture.owner, getpid(), memory_order_relaxed);
	struct settings again;
	settings_read(&again, setting_complain_about);
	(void)atexit(capture_close);
	(void)at_quick_exit(capture_close);
	bool ok = has_logs || fail(&error, ERROR_SYSTEM,
				   "no memory for events of host threads (LAGGARD_LOG_MB %lld): "
				   "nothing is recorded",
				   (long long)capture.settings.log_mb);
	if (!ok || !plan_make(&error)) {
		capture_give_up(&error);
	} else if (!cupti_source_start(&capture.settings, capture_begin, &error)) {
		if (*cupti_source_taken() == 0) {
			capture_give_up(&error);
			return;
		}
		/*
		 * What the program itself says is worth having, also without its GPU. Nobody tells
		 * of a context: with the first range or communicator the recording begins.
		 */
		notice("%s", error.message);
		thread_log_watch(capture_begin);
	}
}

static void close_wait(enum capture_state state, int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - monotonic_ns();
	if (left_ns > 0)
		futex_wait(&capture.state, (uint32_t)state, left_ns);
}

void capture_close(void)
{
	enum capture_state state = state_get();
	/*
	 * No step may change memory before the process is known: a vfork child shares it with its
	 * parent.
	 */
	if (state == CAPTURE_IDLE || state == CAPTURE_CLOSED ||
	    getpid() != atomic_load_explicit(&capture.owner, memory_order_relaxed))
		return;
	int errno_before = errno;
	int64_t deadline_ns = monotonic_ns() + capture.settings.exit_timeout_ms * 1000000;
	do {
		state = state_get();	/* before the drain: it is there once the state says so */
		struct drain *drain = atomic_load_explicit(&capture.drain, memory_order_acquire);
		if (drain != NULL && drain_is_own_thread(drain))
			break;
		if (state == CAPTURE_CLOSED) {
			break;
		} else if (state == CAPTURE_ARMED) {
			if (state_change(CAPTURE_ARMED, CAPTURE_CLOSED)) {
				capture_window_end();
				cupti_source_discard();
			}
		} else if (state == CAPTURE_RECORDING) {
			if (state_change(CAPTURE_RECORDING, CAPTURE_CLOSING))
				drain_stop(drain);
		} else {
			close_wait(state, deadline_ns);
		}
	} while (monotonic_ns() < deadline_ns);
	/* Given up once, for all exit handlers that still come. */
	if (state_change(CAPTURE_CLOSING, CAPTURE_CLOSED))
		notice("the last records were not written within %lld ms (LAGGARD_EXIT_TIMEOUT_MS)",
		       (long long)capture.settings.exit_timeout_ms);
	errno = errno_before;
}
