/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the Nsight Systems importer share: the import as a whole, and one process of
 * the export with the trace database it goes into. An export holds all processes in the same
 * tables; each row is led to the writer of its process by globalPid, or by globalTid without its
 * thread bits.
 *
 * Thread: one import, one thread.
 */
#ifndef TRACEDB_IMPORT_NSYS_PROCESS_H
#define TRACEDB_IMPORT_NSYS_PROCESS_H

#include "base/id_map.h"
#include "tracedb/import.h"
#include "tracedb/import_nsys_file.h"
#include "tracedb/writer.h"

struct nsys_payloads;

/* A list of keys in the order they came, with a number or two each. */
struct nsys_entry {
	int64_t key;
	int64_t value;
	int64_t extra;
};

struct nsys_list {
	struct nsys_entry *entries;
	size_t count, room;
	struct id_map index;
};

/*
 * The entry of a key; a new one holds `value`. NULL when memory is short. Valid until the next add.
 */
struct nsys_entry *nsys_list_add(struct nsys_list *list, int64_t key, int64_t value);
struct nsys_entry *nsys_list_find(const struct nsys_list *list, int64_t key);
void nsys_list_end(struct nsys_list *list);

struct nsys_process {
	int64_t global_pid; /* thread bits 0; NSYS_PID_UNKNOWN for rows that name no process */
	int64_t pid;			/* -1 if unknown */
	int64_t gpu_rows;
	struct trace_writer *writer;	/* NULL outside its turn */
	char *path;			/* of the database */
	struct id_map strings;		/* StringIds.id -> string_id */
	struct nsys_list
		contexts; /* context id -> device (-1 unknown), extra: null stream (-1 unknown) */
	struct nsys_list devices;	/* devices that did work */
	struct nsys_list threads;	/* ids of the threads that occur */
	struct nsys_list thread_names;	/* thread id -> name_id, as annotations name them */
	struct nsys_list domains;	/* NVTX domain id -> name_id */
	struct nsys_list operations;	/* name_id of a range -> name_id of NCCL's operation or 0;
					   extra is 1 for any call of NCCL */
	struct bytes_map categories;	/* {domain id, category} -> name_id */
	struct communicator_row *communicators;
	size_t communicator_count, communicator_room;
	struct bytes_map communicator_index;	/* {hash, rank} -> index + 1 */
	struct id_map ranks_of_hash;	/* hash -> index + 1 of its only rank, or 0: several */
	int64_t missing_strings;	/* ids that StringIds does not hold */
	int64_t end_ns;			/* latest end of any of its rows */
};

/* Never a globalPid of a file: those have their 24 lowest bits 0. */
#define NSYS_PID_UNKNOWN INT64_C(1)

/* Process part of a globalTid. */
static inline int64_t nsys_process_bits(int64_t global_tid)
{
	return (int64_t)((uint64_t)global_tid & ~UINT64_C(0xffffff));
}

struct nsys_import {
	struct nsys_file *file;
	const char *folder;
	const struct import_options *options;
	struct import_result *result;
	struct nsys_process *processes;	/* sorted by pid */
	size_t process_count, process_room;
	struct id_map
		process_index; /* globalPid -> index while they are looked for, afterwards too */
	struct nsys_process *heir; /* takes rows that name no process; NULL if that is ambiguous */
	struct nsys_process
		*first; /* its database carries what is lost of no process in particular */
	bool is_first_turn;		/* rows of nobody are counted in the first turn only */
	struct nsys_payloads *payloads;
	struct bytes_map stream_facts;	/* {pid, context, number} -> priority * 256 + flag */
	int64_t duration_ns;		/* of the recording, 0 if unknown */
	int64_t rows_done, rows_all;	/* for progress; rows_all is a guess */
};

/* The process of a row; NULL: it belongs to none that has a database. */
struct nsys_process *nsys_import_find(struct nsys_import *import, bool has_owner, int64_t owner);

/* Counts one row that is not taken over, with the reason. */
bool nsys_reject(struct nsys_import *import, struct nsys_process *process, const char *table,
		 const char *reason, struct error *error);

bool nsys_no_memory(const struct nsys_import *import, struct error *error);

void nsys_process_end(struct nsys_process *process);

/*
 * The text that a column means: a StringIds id, or the text itself where an export holds it inline.
 * `string_id` is 0 for NULL and for ids that StringIds lacks (counted).
 */
bool nsys_process_text(struct nsys_import *import, struct nsys_process *process,
		       const struct nsys_cursor *cursor, int column, int64_t *string_id,
		       struct error *error);

/* Notes a context's device; the first that says it wins. */
bool nsys_process_add_context(struct nsys_process *process, int64_t context, int64_t device);
int64_t nsys_process_device_of(const struct nsys_process *process, int64_t context);

/* stream_id of a stream, made if new; 0 without asking where the device is not known. */
bool nsys_process_stream(struct nsys_import *import, struct nsys_process *process,
			 struct stream_row *stream, struct error *error);

/* Notes a thread as used; returns its id in the trace (0 for none). */
bool nsys_process_thread(struct nsys_import *import, struct nsys_process *process, bool has_owner,
			 int64_t global_tid, int64_t *thread_id, struct error *error);

#endif
