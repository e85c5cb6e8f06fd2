/* SPDX-License-Identifier: MIT */
/*
 * One database under construction from a Kineto trace. A trace is one process and gives one part; a
 * file into which several ranks were merged under labels ("[TP01] 4123") gives a part for each
 * label.
 *
 * Memory, besides the writer's interned texts: one entry per thread, stream, GPU, communicator,
 * recorded CUDA event waited for and collective, each with a limit; beyond it rows lose that
 * detail, and `loss` says so.
 *
 * Thread: the parts of an import belong to its thread.
 */
#ifndef TRACEDB_IMPORT_KINETO_PART_H
#define TRACEDB_IMPORT_KINETO_PART_H

#include "base/id_map.h"
#include "tracedb/import.h"
#include "tracedb/import_kineto_collective.h"
#include "tracedb/import_kineto_event.h"
#include "tracedb/import_kineto_metadata.h"
#include "tracedb/writer.h"

enum {
	KINETO_LABEL_MAX = 64,
	KINETO_THREADS_MAX = 65536,
	KINETO_DEVICES_MAX = 1024,
	KINETO_PROCESSES_MAX = 256,
	KINETO_RECORDS_MAX = 1024 * 1024,
};

struct kineto_process {
	int64_t pid;
	char *name;		/* owned */
};

struct kineto_thread {
	int64_t pid, tid;
	int64_t thread_id;	/* tid, unless two processes of the file have the same */
	char *name;		/* owned, NULL if not told */
	bool is_used;		/* by a row; names of GPU streams come as thread names, too */
};

struct kineto_device {
	int64_t offset;		/* what a merger added to the GPU's pid, see kineto_part_device */
	int64_t index;		/* as the trace says */
	int64_t device_id;
};

struct kineto_stream {
	int64_t stream_id, context_id;
};

/* A cudaEventRecord that somebody waited for; not every trace has a row of its own for it. */
struct kineto_record {
	int64_t correlation_id, event_id, context_id, stream_id;
	bool has_row;
};

struct kineto_part {
	char label[KINETO_LABEL_MAX];	/* "" for the trace itself */
	char *path;
	struct trace_writer *writer;
	int64_t pid;			/* of the calls to CUDA, -1 until known */
	int64_t pid_of_ranges;		/* of anything on the host, -1 until known */
	int64_t end_ns;			/* latest end of anything */
	int64_t rejected;
	struct kineto_thread *threads;
	size_t thread_count, thread_room, last_thread;
	struct bytes_map thread_index;	/* pid, tid */
	struct id_map tid_owner;	/* tid -> pid */
	struct kineto_process processes[KINETO_PROCESSES_MAX];
	size_t process_count;
	struct kineto_device devices[KINETO_DEVICES_MAX];
	size_t device_count, last_device;
	struct kineto_stream *streams;
	size_t stream_count, stream_room;
	struct bytes_map stream_index;	/* device, number */
	struct id_map contexts;
	struct kineto_record *records;
	size_t record_count, record_room;
	struct id_map record_index;	/* correlation */
	struct kineto_collectives collectives;
	char category[32];		/* the last one, and its string */
	int64_t category_id;
};

/* What is known of the whole file when its parts are finished. */
struct kineto_source {
	const char *path;
	const char *tool_version;	/* of laggard, or NULL */
	const struct kineto_metadata *metadata;
	int64_t epoch_ns;		/* time of start_ns = 0 in the trace's own base */
};

/* Creates "<folder>/<stem of path><suffix>.trace.db". */
bool kineto_part_open(struct kineto_part **out, const char *folder, const char *path,
		      const char *suffix, struct error *error);

/*
 * Writes what had to wait for the end, closes the database and adds it to the result. The part
 * stays, for kineto_part_free.
 */
bool kineto_part_finish(struct kineto_part *part, const struct kineto_source *source,
			struct import_result *result, struct error *error);

/* Frees; an unfinished database is removed. NULL is fine. */
void kineto_part_free(struct kineto_part *part);

/* Rows put so far. */
int64_t kineto_part_rows(const struct kineto_part *part);

/* Counts an event that is not taken over. */
bool kineto_part_lose(struct kineto_part *part, const char *reason, int64_t at_ns,
		      struct error *error);

bool kineto_part_thread(struct kineto_part *part, int64_t pid, int64_t tid, int64_t *thread_id,
			struct error *error);
bool kineto_part_name_thread(struct kineto_part *part, int64_t pid, int64_t tid, const char *name,
			     struct error *error);
bool kineto_part_name_process(struct kineto_part *part, int64_t pid, const char *name,
			      struct error *error);

/*
 * The device id of GPU `index` as told by an event whose pid is `pid`. Kineto's GPU pids are the
 * indices. Where a merger of ranks added an offset to them, equal indices under different offsets
 * are different GPUs: the first keeps its index, others are numbered from 1000.
 */
bool kineto_part_device(struct kineto_part *part, int64_t pid, int64_t index, int64_t *device_id,
			struct error *error);

/*
 * The stream; `context_id` 0 where the event does not say: it is then whatever context has that
 * number.
 */
bool kineto_part_stream(struct kineto_part *part, struct stream_row *stream, struct error *error);

/* A wait named this cudaEventRecord (has_row false), or its own row was put (true). */
bool kineto_part_record(struct kineto_part *part, const struct kineto_record *record,
			struct error *error);

/* The event has a believable time and will not be lost for it. */
bool kineto_event_is_timed(const struct kineto_event *event);

/* Puts the rows of one event (import_kineto_rows.c). `epoch_ns` as in struct kineto_source. */
bool kineto_part_put(struct kineto_part *part, const struct kineto_event *event, int64_t epoch_ns,
		     struct error *error);

#endif
