/* SPDX-License-Identifier: MIT */
/*
 * What a Nsight Systems export says beside its events: session and versions, how the program was
 * started, GPUs, contexts, streams, thread names, diagnostics. Environment variables that the
 * export holds are never taken over; of three of them (RANK, WORLD_SIZE, LOCAL_RANK) the number is.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_FACTS_H
#define TRACEDB_IMPORT_NSYS_FACTS_H

#include "tracedb/import_nsys_process.h"

struct nsys_facts;

/* Also fills the contexts of the processes, and stream facts and duration of the import. */
bool nsys_facts_load(struct nsys_facts **out, struct nsys_import *import, struct error *error);
void nsys_facts_close(struct nsys_facts *facts);

/* Rows that end a process's database: trace, devices, contexts, threads, communicators. */
bool nsys_facts_put(const struct nsys_facts *facts, struct nsys_import *import,
		    struct nsys_process *process, struct error *error);

/* EXPORT_SCHEMA_VERSION, "" if not told; borrowed. */
const char *nsys_facts_schema_version(const struct nsys_facts *facts);

#endif
