/* SPDX-License-Identifier: MIT */
/*
 * The memory of the flight recorder: a ring of bytes in which records lie raw, in the order they
 * came. What does not fit pushes out the oldest; whoever made the ring hears of each that goes.
 *
 * Thread: one thread at a time (the drain).
 */
#ifndef LIBTRACE_FLIGHT_RING_H
#define LIBTRACE_FLIGHT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight_ring;

struct flight_item {
	uint32_t size;		/* of the bytes, without padding */
	uint16_t kind;		/* not 0; its meaning is the caller's, as is that of the rest */
	uint16_t type;
	int64_t time_ns;	/* when it came; never less than that of the one before */
	int64_t thread_id;
	int64_t record_count;
	const void *bytes;	/* 8-aligned */
};

/* `is_squeezed`: it goes for lack of memory, not by flight_ring_age. */
typedef void (*flight_ring_leave)(void *context, const struct flight_item *item, bool is_squeezed);
typedef void (*flight_ring_visit)(void *context, const struct flight_item *item);

/* Address space only: memory is used as it fills. NULL when the system refuses. */
struct flight_ring *flight_ring_create(size_t capacity_bytes, flight_ring_leave leave,
				       void *context);
void flight_ring_close(struct flight_ring *ring);

/* Copies the bytes. False, and nothing happened: larger than half the ring. */
bool flight_ring_put(struct flight_ring *ring, const struct flight_item *item);

/* Lets go of all that came before `time_ns`. */
void flight_ring_age(struct flight_ring *ring, int64_t time_ns);

/* All that is there, oldest first. Nothing may be put meanwhile. */
void flight_ring_walk(const struct flight_ring *ring, flight_ring_visit visit, void *context);

size_t flight_ring_used_bytes(const struct flight_ring *ring);

#endif
