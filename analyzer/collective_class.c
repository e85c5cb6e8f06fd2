/* SPDX-License-Identifier: MIT */
#include "analyzer/collective_class.h"

#include "analyzer/collective_waits.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

#define ENDS_NONE (-1)
#define ENDS_UNKNOWN (-2)
/* A job's size must not be taken for a communicator's hash. */
#define ENDS_JOB (-3)

/* Single sends and receives of one pair are one operation. */
static const char point_to_point[] = "Send/Recv";
static const char grouped[] = "SendRecv";

static bool is_single(const struct comm_kernel *kernel)
{
	return strcmp(kernel->operation, "Send") == 0 || strcmp(kernel->operation, "Recv") == 0;
}

static int64_t ends_of(const struct comm_kernel *kernel)
{
	int64_t mine = kernel->communicator_rank, peer = kernel->peer;
	if (kernel->communicator_hash == 0 || mine < 0 || peer < 0 || mine > INT32_MAX ||
	    peer > INT32_MAX)
		return ENDS_UNKNOWN;
	return kernel->operation[0] == 'S' ? mine << 32 | peer : peer << 32 | mine;
}

static bool operation_number(struct collective_classes *classes, size_t *room, const char *name,
			     uint32_t *number)
{
	for (size_t i = 0; i < classes->operation_count; i++)
		if (classes->operations[i] == name || strcmp(classes->operations[i], name) == 0) {
			*number = (uint32_t)i;
			return true;
		}
	const char **names = array_grow(classes->operations, room, classes->operation_count,
					sizeof names[0]);
	if (names == NULL)
		return false;
	classes->operations = names;
	*number = (uint32_t)classes->operation_count;
	names[classes->operation_count++] = name;
	return true;
}

static bool entry_fill(struct collective_classes *classes, size_t *room, struct class_entry *entry,
		       const struct comm_lane *lane, const struct comm_kernel *kernel)
{
	const char *operation = kernel->operation;
	entry->scope = kernel->communicator_hash != 0 ? kernel->communicator_hash :
							lane->world_size;
	entry->ends = kernel->communicator_hash != 0 ? ENDS_NONE : ENDS_JOB;
	if (is_single(kernel)) {
		bool is_grouped = kernel->operations > 1;
		operation = is_grouped ? grouped : point_to_point;
		entry->ends = is_grouped ? entry->ends : ends_of(kernel);
	}
	/* What a group of sends and receives is numbered by differs between ranks. */
	bool is_numbered = kernel->communicator_hash != 0 && kernel->sequence >= 0 &&
			   operation_wait_rule(operation) != WAIT_NOT_KNOWN &&
			   strcmp(operation, grouped) != 0 && operation != point_to_point;
	entry->sequence = is_numbered ? kernel->sequence : -1;
	return operation_number(classes, room, operation, &entry->operation);
}

static int entry_compare(const void *left, const void *right)
{
	const struct class_entry *a = left, *b = right;
	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	if (a->operation != b->operation)
		return a->operation < b->operation ? -1 : 1;
	if (a->ends != b->ends)
		return a->ends < b->ends ? -1 : 1;
	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	return (a->kernel > b->kernel) - (a->kernel < b->kernel);
}

static int key_compare(const void *left, const void *right)
{
	const struct class_entry *a = left, *b = right;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	if (a->occurrence != b->occurrence)
		return a->occurrence < b->occurrence ? -1 : 1;
	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	return (a->kernel > b->kernel) - (a->kernel < b->kernel);
}

static bool is_same_class(const struct class_entry *a, const struct class_entry *b)
{
	return a->scope == b->scope && a->operation == b->operation && a->ends == b->ends;
}

/* Once without occurrences, which are counted then, and once with them. */
static void class_sort_by_key(struct class_entry *entries, size_t count)
{
	bool is_repeated = false;
	qsort(entries, count, sizeof entries[0], key_compare);
	for (size_t i = 1; i < count; i++)
		if (entries[i].sequence == entries[i - 1].sequence &&
		    entries[i].lane == entries[i - 1].lane) {
			entries[i].occurrence = entries[i - 1].occurrence + 1;
			is_repeated = true;
		}
	if (is_repeated)
		qsort(entries, count, sizeof entries[0], key_compare);
}

static bool class_keep(struct collective_classes *classes, size_t *room,
		       const struct comm_lane *lanes, size_t first, size_t end)
{
	struct class_entry *entries = classes->entries;
	const struct comm_kernel *kernel = &lanes[entries[first].lane].kernels[
		entries[first].kernel];
	struct collective_class *list = array_grow(classes->classes, room, classes->count,
						   sizeof list[0]);
	if (list == NULL)
		return false;
	classes->classes = list;
	struct collective_class *class = &list[classes->count++];
	*class = (struct collective_class){ .first = first, .count = end - first, .is_keyed = true,
		.is_hashed = kernel->communicator_hash != 0,
		.is_peerless = entries[first].ends == ENDS_UNKNOWN,
		.operation = classes->operations[entries[first].operation] };
	for (size_t i = first; i < end; i++) {
		class->is_keyed = class->is_keyed && entries[i].sequence >= 0;
		class->lane_count += i == first || entries[i].lane != entries[i - 1].lane;
	}
	if (class->is_keyed)
		class_sort_by_key(entries + first, end - first);
	return true;
}

static bool classes_cut(struct collective_classes *classes, const struct comm_lane *lanes)
{
	struct class_entry *entries = classes->entries;
	size_t room = 0;
	for (size_t first = 0, end; first < classes->entry_count; first = end) {
		for (end = first + 1; end < classes->entry_count; end++)
			if (!is_same_class(&entries[first], &entries[end]))
				break;
		if (!class_keep(classes, &room, lanes, first, end))
			return false;
	}
	return true;
}

bool collective_classes_find(struct collective_classes *classes, const struct comm_lane *lanes,
			     size_t lane_count)
{
	size_t total = 0, room = 0;
	*classes = (struct collective_classes){ .entry_count = 0 };
	for (size_t l = 0; l < lane_count; l++)
		total += lanes[l].count;
	classes->entries = calloc(total + 1, sizeof classes->entries[0]);
	if (classes->entries == NULL)
		return false;
	for (size_t l = 0; l < lane_count; l++)
		for (size_t k = 0; k < lanes[l].count; k++) {
			struct class_entry *entry = &classes->entries[classes->entry_count++];
			*entry = (struct class_entry){ .lane = (uint32_t)l, .kernel = (uint32_t)k };
			if (!entry_fill(classes, &room, entry, &lanes[l], &lanes[l].kernels[k]))
				return false;
		}
	if (total > 1)
		qsort(classes->entries, total, sizeof classes->entries[0], entry_compare);
	return classes_cut(classes, lanes);
}

void collective_classes_end(struct collective_classes *classes)
{
	free(classes->entries);
	free(classes->classes);
	free(classes->operations);
	*classes = (struct collective_classes){ .entry_count = 0 };
}
