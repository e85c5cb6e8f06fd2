/* SPDX-License-Identifier: MIT */
#include "libtrace/nccl_communicators.h"
#include "libtrace/nccl_version.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 65536, NAME_BYTES = 128 };

struct entry {
	struct communicator_row row;
	char name[NAME_BYTES];
	int64_t thread_id;
	int64_t written_hash;
	bool is_ambiguous;	/* told without a hash, of several communicators */
	bool is_adopted;	/* told without a hash, until the plugin said it */
};

/* Of the drain thread alone. Two sources meet here, and neither owns the other. */
static struct {
	struct entry *entries;
	size_t count;
	size_t room;
	int64_t largest;	/* rank count of the largest communicator so far */
	uint64_t largest_hash;
	bool is_rank_ours;	/* the trace row's rank and world size come from here */
} communicators;

static struct entry *entry_find(uint64_t hash, int64_t rank)
{
	for (size_t i = communicators.count; i-- > 0;) {
		struct entry *entry = &communicators.entries[i];
		if (entry->row.hash == (int64_t)hash && entry->row.rank == rank)
			return entry;
	}
	return NULL;
}

static struct entry *entry_add(uint64_t hash, int64_t rank)
{
	if (communicators.count == MEMBERS_MAX)
		return NULL;
	if (communicators.count == communicators.room) {
		size_t room = communicators.room == 0 ? 16 : communicators.room * 2;
		struct entry *entries = realloc(communicators.entries, room * sizeof *entries);
		if (entries == NULL)
			return NULL;
		communicators.entries = entries;
		communicators.room = room;
	}
	struct entry *entry = &communicators.entries[communicators.count++];
	*entry = (struct entry){
		.row = {
			.communicator_id = (int64_t)communicators.count, .hash = (int64_t)hash,
			.rank = rank, .rank_count = -1, .node_count = -1, .device_id = -1,
		},
		.thread_id = -1,
	};
	return entry;
}

/* The one rank that this process is known to have of the communicator, or NULL. */
static struct entry *entry_only(uint64_t hash)
{
	struct entry *only = NULL;
	for (size_t i = 0; i < communicators.count; i++) {
		struct entry *entry = &communicators.entries[i];
		if (entry->row.hash != (int64_t)hash || entry->row.rank < 0)
			continue;
		if (only != NULL)
			return NULL;
		only = entry;
	}
	return only;
}

/*
 * Before 2.25 NVTX tells of initialised communicators without their hash, and the profiler plugin
 * before v4 of hashes without their size: where the rank leaves no doubt, they are the same.
 */
static struct entry *entry_adopt(const struct nccl_member *member)
{
	struct entry *entry = entry_find(0, member->rank);
	if (entry == NULL || entry->is_ambiguous)
		return NULL;
	entry->row.hash = (int64_t)member->hash;
	entry->is_adopted = true;
	return entry;
}

/* Without a hash: the communicator that was adopted, when it is finalized or destroyed. */
static struct entry *entry_adopted(const struct nccl_member *member)
{
	for (size_t i = communicators.count; i-- > 0;) {
		struct entry *entry = &communicators.entries[i];
		if (entry->is_adopted && entry->row.rank == member->rank &&
		    entry->row.rank_count == member->rank_count)
			return entry;
	}
	return NULL;
}

/*
 * A witness that does not know the rank means the only one there is; the first rank that becomes
 * known is that of the communicator seen without one.
 */
static struct entry *entry_match(const struct nccl_member *member)
{
	struct entry *entry = entry_find(member->hash, member->rank);
	if (entry != NULL)
		return entry;
	if (member->hash == 0)
		return entry_adopted(member);
	struct entry *only = entry_only(member->hash);
	if (member->rank < 0)
		return only;
	entry = only == NULL ? entry_find(member->hash, -1) : NULL;
	return entry != NULL ? entry : entry_adopt(member);
}

static bool fill(int64_t *known, int64_t value, int64_t unknown)
{
	if (value == unknown || *known == value)
		return false;
	*known = value;
	return true;
}

/*
 * The job's rank is that in its largest communicator, unless the launcher's environment said it. A
 * process with several ranks of it has no one rank.
 */
static void trace_rank_note(struct drain *drain, const struct nccl_member *member)
{
	struct trace_row *trace = drain_trace_row(drain);
	if (member->rank < 0 || member->rank_count <= 0)
		return;
	if (!communicators.is_rank_ours && (trace->rank >= 0 || trace->world_size > 0))
		return;
	if (member->rank_count > communicators.largest) {
		communicators.largest = member->rank_count;
		communicators.largest_hash = member->hash;
		communicators.is_rank_ours = true;
		trace->world_size = member->rank_count;
		trace->rank = member->rank;
	} else if (member->hash == communicators.largest_hash && trace->rank != member->rank) {
		trace->rank = -1;
	}
}

int64_t nccl_communicator_note(struct drain *drain, const struct nccl_member *member)
{
	struct entry *entry = entry_match(member);
	bool is_new = entry == NULL;
	nccl_version_note(drain);
	trace_rank_note(drain, member);
	if (is_new)
		entry = entry_add(member->hash, member->rank);
	if (entry == NULL) {
		drain_loss(drain, "nccl", "too many communicators", 1);
		return 0;
	}
	if (member->hash == 0 && entry->row.rank_count >= 0 &&
	    entry->row.rank_count != member->rank_count)
		entry->is_ambiguous = true;
	bool is_changed = entry->row.hash != entry->written_hash;
	entry->written_hash = entry->row.hash;
	is_changed |= fill(&entry->row.rank, member->rank, -1);
	is_changed |= fill(&entry->row.rank_count, member->rank_count, -1);
	is_changed |= fill(&entry->row.node_count, member->node_count, -1);
	is_changed |= fill(&entry->row.device_id, member->device_id, -1);
	is_changed |= fill(&entry->row.parent_hash, (int64_t)member->parent_hash, 0);
	if (member->thread_id >= 0)
		entry->thread_id = member->thread_id;
	if (member->name != NULL && member->name[0] != 0 && entry->name[0] == 0) {
		(void)snprintf(entry->name, sizeof entry->name, "%s", member->name);
		is_changed = true;
	}
	struct communicator_row row = entry->row;
	row.name = entry->name;
	if (is_new)
		drain_put(drain, TABLE_communicator, &row);
	else if (is_changed)
		drain_replace(drain, TABLE_communicator, &row);
	return row.communicator_id;
}

int64_t nccl_communicator_of_hash(struct drain *drain, uint64_t hash, int64_t thread_id)
{
	int64_t any = 0, own = 0;
	size_t any_count = 0, own_count = 0;
	for (size_t i = 0; i < communicators.count; i++) {
		const struct entry *entry = &communicators.entries[i];
		if (entry->row.hash != (int64_t)hash || entry->row.rank < 0)
			continue;
		any = entry->row.communicator_id;
		any_count++;
		if (entry->thread_id == thread_id) {
			own = entry->row.communicator_id;
			own_count++;
		}
	}
	if (any_count == 1)
		return any;
	if (own_count == 1)
		return own;
	const struct entry *entry = entry_find(hash, -1);
	if (entry != NULL)
		return entry->row.communicator_id;
	const struct nccl_member member = {
		.hash = hash, .rank = -1, .rank_count = -1, .node_count = -1, .device_id = -1,
		.thread_id = -1,
	};
	return nccl_communicator_note(drain, &member);
}

void nccl_communicators_finish(void)
{
	free(communicators.entries);
	memset(&communicators, 0, sizeof communicators);
}
