/* SPDX-License-Identifier: MIT */
/*
 * The recorder: rows and facts of one process -> one trace database. It interns, merges the facts
 * that arrive in parts (devices, contexts, streams, threads, the trace row), and counts what cannot
 * be written. It knows no CUPTI and no thread, so benchmarks and tests drive it with synthetic
 * buffers.
 *
 * Nothing here fails towards the caller: after the first database error all rows are refused and
 * recorder_error says why.
 *
 * Thread: one thread at a time.
 */
#ifndef LIBTRACE_RECORDER_H
#define LIBTRACE_RECORDER_H

#include "base/error.h"
#include "libtrace/api_filter.h"
#include "libtrace/cupti_decode.h"
#include "tracedb/tables.h"
#include "tracedb/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorder;

/* Name of a CUDA call ("cudaLaunchKernel_v7000"), or NULL. */
typedef const char *(*recorder_api_name)(enum api_kind api, uint32_t cbid);

struct recorder_options {
	int64_t epoch_ns;
	int64_t pid;
	int64_t commit_ns;
	recorder_api_name api_name;	/* NULL: calls are numbered */
	struct api_filter api_filter;	/* zero: all calls are kept */
	void (*hear_launch)(int64_t thread_id);	/* a kernel, graph or copy; may be NULL */
};

/*
 * Without a path the recorder has no file yet: facts are kept, rows are dropped, texts have no id.
 */
bool recorder_create(struct recorder **out, const char *path,
		     const struct recorder_options *options, struct error *error);

/*
 * A file for a recorder without one, which only its owner may read: all facts so far go to it, and
 * rows that end before `low_ns` (since the epoch) are left out. Closed, the recorder is without one
 * again, and what failed is forgotten.
 */
bool recorder_open_file(struct recorder *recorder, const char *path, int64_t low_ns,
			struct error *error);
bool recorder_close_file(struct recorder *recorder, struct error *error);

/* The sink that puts decoded rows here. */
struct cupti_sink recorder_sink(struct recorder *recorder);

int64_t recorder_string(struct recorder *recorder, const char *bytes, size_t length);
void recorder_put(struct recorder *recorder, enum trace_table table, const void *row);
void recorder_replace(struct recorder *recorder, enum trace_table table, const void *row);
/* A gap that was put while it lasted has ended. */
void recorder_drop_open_gap(struct recorder *recorder, int64_t start_ns, int64_t source_id);
void recorder_loss(struct recorder *recorder, const char *source, const char *reason, int64_t count,
		   int64_t at_ns);
void recorder_thread(struct recorder *recorder, int64_t thread_id, const char *name);
void recorder_stream_name(struct recorder *recorder, int64_t context_id, int64_t number,
			  const char *name);

/* A copy that lives as long as the recorder, for texts of the rows below. Never NULL. */
const char *recorder_keep_text(struct recorder *recorder, const char *text);

/*
 * The rows under construction; whoever asks may change them, and they are written at the next
 * flush.
 */
struct trace_row *recorder_trace_row(struct recorder *recorder);
/* or NULL */
struct device_row *recorder_device_row(struct recorder *recorder, int64_t device_id);

/* Devices that this process used so far: it has a context, or work, on them. */
size_t recorder_device_count(const struct recorder *recorder);
struct device_row *recorder_device_at(struct recorder *recorder, size_t index);

/* Threads noted so far. */
size_t recorder_thread_count(const struct recorder *recorder);
int64_t recorder_thread_at(const struct recorder *recorder, size_t index);

/* Writes the facts that changed, and commits if `is_due` or the time has come. */
void recorder_flush(struct recorder *recorder, bool is_due);

bool recorder_is_ok(const struct recorder *recorder);
const struct error *recorder_error(const struct recorder *recorder);

/* Rows put so far, all tables. */
int64_t recorder_row_count(const struct recorder *recorder);

/* Writes what is left and closes the file. False: something was not written. NULL is fine. */
bool recorder_close(struct recorder *recorder, struct error *error);

#endif
