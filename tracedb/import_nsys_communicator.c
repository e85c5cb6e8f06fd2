/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_communicator.h"

#include <stdlib.h>

static struct communicator_row *communicator_find(const struct nsys_process *process, int64_t hash,
						  int64_t rank)
{
	const int64_t key[2] = { hash, rank };
	int64_t id;
	if (!bytes_map_get(&process->communicator_index, key, sizeof key, &id))
		return NULL;
	return &process->communicators[id - 1];
}

/* The entry of a hash and rank, made if new; `rank` -1 is an entry of its own. */
static struct communicator_row *communicator_put(struct nsys_process *process, int64_t hash,
						 int64_t rank)
{
	const int64_t key[2] = { hash, rank };
	struct communicator_row *row = communicator_find(process, hash, rank);
	int64_t only;
	if (row != NULL)
		return row;
	if (process->communicator_count == process->communicator_room) {
		size_t room = process->communicator_room == 0 ? 8 : process->communicator_room * 2;
		row = realloc(process->communicators, room * sizeof *row);
		if (row == NULL)
			return NULL;
		process->communicators = row;
		process->communicator_room = room;
	}
	int64_t id = (int64_t)process->communicator_count + 1;
	bool is_known = id_map_get(&process->ranks_of_hash, (uint64_t)hash, &only);
	if (!bytes_map_put(&process->communicator_index, key, sizeof key, id) ||
	    !id_map_put(&process->ranks_of_hash, (uint64_t)hash, is_known ? 0 : id))
		return NULL;
	row = &process->communicators[process->communicator_count++];
	*row = (struct communicator_row){ .communicator_id = id,
					  .hash = hash,
					  .rank = rank,
					  .rank_count = -1,
					  .node_count = -1,
					  .device_id = -1 };
	return row;
}

/* Gives the entry of unknown rank its rank, where it is the only one of its hash. */
static struct communicator_row *communicator_settle(struct nsys_process *process, int64_t hash,
						    int64_t rank)
{
	const int64_t key[2] = { hash, rank };
	struct communicator_row *row = communicator_find(process, hash, -1);
	int64_t only = 0;
	if (rank < 0 || row == NULL || communicator_find(process, hash, rank) != NULL ||
	    !id_map_get(&process->ranks_of_hash, (uint64_t)hash, &only) ||
	    only != row->communicator_id)
		return communicator_put(process, hash, rank);
	if (!bytes_map_put(&process->communicator_index, key, sizeof key, only))
		return NULL;
	row->rank = rank;
	return row;
}

bool nsys_communicator_add(struct nsys_process *process, const struct nsys_nccl_payload *nccl)
{
	const int64_t *value = nccl->value;
	int64_t hash = value[NSYS_NCCL_COMMUNICATOR];
	/* A split says its own id, but rank and size of the communicator it came from. */
	if (nccl->has[NSYS_NCCL_PARENT]) {
		struct communicator_row *own = communicator_put(process, hash, -1);
		if (own == NULL)
			return false;
		own->parent_hash = value[NSYS_NCCL_PARENT];
		hash = value[NSYS_NCCL_PARENT];
	}
	if (!nccl->has[NSYS_NCCL_RANKS])
		return true;
	int64_t rank = nccl->has[NSYS_NCCL_RANK] && value[NSYS_NCCL_RANK] >= 0
			       ? value[NSYS_NCCL_RANK]
			       : -1;
	struct communicator_row *row = communicator_settle(process, hash, rank);
	if (row == NULL)
		return false;
	row->rank_count = value[NSYS_NCCL_RANKS] > 0 ? value[NSYS_NCCL_RANKS] : -1;
	if (nccl->has[NSYS_NCCL_DEVICE])
		row->device_id = value[NSYS_NCCL_DEVICE];
	return true;
}

bool nsys_communicator_of(struct nsys_process *process, int64_t hash, int64_t *communicator_id)
{
	*communicator_id = 0;
	if (hash == 0)
		return true;
	int64_t only = 0;
	if (id_map_get(&process->ranks_of_hash, (uint64_t)hash, &only) && only > 0) {
		*communicator_id = only;
		return true;
	}
	const struct communicator_row *row = communicator_put(process, hash, -1);
	if (row == NULL)
		return false;
	*communicator_id = row->communicator_id;
	return true;
}

void nsys_communicator_world(const struct nsys_process *process, int64_t *rank, int64_t *world_size)
{
	*rank = *world_size = -1;
	for (size_t i = 0; i < process->communicator_count; i++) {
		const struct communicator_row *row = &process->communicators[i];
		if (row->rank_count > *world_size) {
			*world_size = row->rank_count;
			*rank = row->rank;
		} else if (row->rank_count == *world_size && row->rank != *rank) {
			*rank = -1;
		}
	}
	if (*rank < 0 || *rank >= *world_size)
		*rank = *world_size = -1;
}
