/* SPDX-License-Identifier: MIT */
/*
 * NCCL communicators of one process of an export, gathered from the payloads of the calls that made
 * them.
 *
 * Thread: the import's.
 */
#ifndef TRACEDB_IMPORT_NSYS_COMMUNICATOR_H
#define TRACEDB_IMPORT_NSYS_COMMUNICATOR_H

#include "tracedb/import_nsys_payload.h"
#include "tracedb/import_nsys_process.h"

/* Notes what the payload of an initialising call says. False when memory is short. */
bool nsys_communicator_add(struct nsys_process *process, const struct nsys_nccl_payload *nccl);

/*
 * communicator_id of a hash that a collective names: of its only rank in this process, else of an
 * entry of unknown rank. False when memory is short.
 */
bool nsys_communicator_of(struct nsys_process *process, int64_t hash, int64_t *communicator_id);

/* Rank and size of the largest communicator, if all of that size agree; else both -1. */
void nsys_communicator_world(const struct nsys_process *process, int64_t *rank,
			     int64_t *world_size);

#endif
