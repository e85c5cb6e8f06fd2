/* SPDX-License-Identifier: MIT */
#include "libtrace/flight_ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Stands before the bytes of each item; of kind 0 it fills the rest of the memory before the wrap.
 */
struct ring_head {
	uint64_t total_bytes;	/* this head, the bytes, padding */
	int64_t time_ns, thread_id, record_count;
	uint32_t size;
	uint16_t kind, type;
};

_Static_assert(sizeof(struct ring_head) % 8 == 0, "items are 8-aligned");

struct flight_ring {
	uint8_t *memory;
	size_t capacity;
	uint64_t first, end;	/* count up for ever; their place is the rest modulo the capacity */
	flight_ring_leave leave;
	void *context;
};

struct flight_ring *flight_ring_create(size_t capacity_bytes, flight_ring_leave leave,
				       void *context)
{
	struct flight_ring *ring = calloc(1, sizeof *ring);
	if (ring == NULL)
		return NULL;
	ring->capacity = capacity_bytes / 4096 * 4096;
	ring->leave = leave;
	ring->context = context;
	void *memory = ring->capacity == 0 ? MAP_FAILED :
		mmap(NULL, ring->capacity, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(ring);
		return NULL;
	}
	ring->memory = memory;
	return ring;
}

void flight_ring_close(struct flight_ring *ring)
{
	if (ring == NULL)
		return;
	(void)munmap(ring->memory, ring->capacity);
	free(ring);
}

size_t flight_ring_used_bytes(const struct flight_ring *ring)
{
	return (size_t)(ring->end - ring->first);
}

/* The item at `at`, or NULL where only filling is; `step` becomes the way to the next one. */
static const struct ring_head *head_at(const struct flight_ring *ring, uint64_t at, size_t *step)
{
	size_t place = (size_t)(at % ring->capacity), left = ring->capacity - place;
	if (left < sizeof(struct ring_head)) {
		*step = left;
		return NULL;
	}
	const struct ring_head *head = (const void *)(ring->memory + place);
	*step = (size_t)head->total_bytes;
	return head->kind == 0 ? NULL : head;
}

static struct flight_item item_of(const struct ring_head *head)
{
	return (struct flight_item){
		.size = head->size, .kind = head->kind, .type = head->type,
		.time_ns = head->time_ns, .thread_id = head->thread_id,
		.record_count = head->record_count, .bytes = head + 1,
	};
}

/* The oldest goes, if it came before `time_ns`. */
static bool oldest_drop(struct flight_ring *ring, int64_t time_ns, bool is_squeezed)
{
	size_t step;
	const struct ring_head *head = head_at(ring, ring->first, &step);
	if (head != NULL && head->time_ns >= time_ns)
		return false;
	if (head != NULL && ring->leave != NULL) {
		struct flight_item item = item_of(head);
		ring->leave(ring->context, &item, is_squeezed);
	}
	ring->first += step;
	return true;
}

bool flight_ring_put(struct flight_ring *ring, const struct flight_item *item)
{
	size_t needed = sizeof(struct ring_head) + ((size_t)item->size + 7) / 8 * 8;
	size_t place = (size_t)(ring->end % ring->capacity), left = ring->capacity - place;
	size_t filling = left < needed ? left : 0;
	if (needed > ring->capacity / 2)
		return false;
	while (ring->capacity - flight_ring_used_bytes(ring) < filling + needed)
		(void)oldest_drop(ring, INT64_MAX, true);
	if (filling >= sizeof(struct ring_head))
		*(struct ring_head *)(void *)(ring->memory + place) =
			(struct ring_head){ .total_bytes = filling };
	ring->end += filling;
	struct ring_head *head = (void *)(ring->memory + ring->end % ring->capacity);
	*head = (struct ring_head){
		.total_bytes = needed, .time_ns = item->time_ns, .thread_id = item->thread_id,
		.record_count = item->record_count, .size = item->size, .kind = item->kind,
		.type = item->type,
	};
	memcpy(head + 1, item->bytes, item->size);
	ring->end += needed;
	return true;
}

void flight_ring_age(struct flight_ring *ring, int64_t time_ns)
{
	while (ring->first < ring->end && oldest_drop(ring, time_ns, false))
		;
}

void flight_ring_walk(const struct flight_ring *ring, flight_ring_visit visit, void *context)
{
	size_t step;
	for (uint64_t at = ring->first; at < ring->end; at += step) {
		const struct ring_head *head = head_at(ring, at, &step);
		if (head == NULL)
			continue;
		struct flight_item item = item_of(head);
		visit(context, &item);
	}
}
