/* SPDX-License-Identifier: MIT */
/*
 * Buffers of the CUPTI double and their delivery: asked for on the application's threads with an
 * inner lock held (so a caller that takes the same locks the other way round hangs here as it
 * does there), completed by a worker thread some milliseconds later or by the flushing thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cupti.h"

enum { LATE_MAX = 48 };

struct buffer {
	uint8_t *bytes;
	int scope;
	size_t size, used, records, max_records;
	struct buffer *next;
};

/* One per application thread, or the one shared slot. */
struct slot {
	struct buffer *current[RIG_SCOPES];
	struct slot *next;
};

struct late_record {
	uint32_t kind, scopes;
	uint64_t bytes[31];
};

static struct {
	pthread_mutex_t lock;		/* all below; held over `requested` */
	pthread_mutex_t delivery;	/* one `completed` at a time */
	pthread_cond_t is_full;
	rig_requested requested;
	rig_completed completed;
	rig_requested_v2 requested_v2[RIG_SCOPES];	/* stay when the subscriber has gone */
	rig_completed_v2 completed_v2[RIG_SCOPES];
	bool is_registered;
	struct slot shared;
	struct slot *slots;
	struct buffer *full, **full_end;
	struct late_record late[LATE_MAX];
	size_t late_count;
	uint32_t shuffle;
	size_t dropped, emitted, kernels;
	bool uses_thread_buffers, has_thread_choice, has_worker, is_lost;
	pid_t pid;
} buffers = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .delivery = PTHREAD_MUTEX_INITIALIZER,
	.is_full = PTHREAD_COND_INITIALIZER, .full_end = &buffers.full, .shuffle = 12345,
};

static _Thread_local struct slot *own_slot;
static _Thread_local int inside_buffer_callback;

_Static_assert(sizeof(struct rig_record_kernel) == sizeof(((struct late_record *)0)->bytes),
	       "the largest late record");

int rig_in_buffer_callback(void)
{
	return inside_buffer_callback;
}

static struct slot *slot_find(void)
{
	if (!rig_thread_buffers())
		return &buffers.shared;
	if (!own_slot) {
		own_slot = calloc(1, sizeof(*own_slot));
		if (!own_slot)
			return &buffers.shared;
		own_slot->next = buffers.slots;
		buffers.slots = own_slot;
	}
	return own_slot;
}

static struct buffer *buffer_request(int scope)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	uint64_t info[2] = { sizeof(info), 0 };

	if (!buffer)
		return NULL;
	buffer->scope = scope;
	inside_buffer_callback++;
	rig_driver_callback_set(1);
	if (scope)
		buffers.requested_v2[scope](&buffer->bytes, &buffer->size, &buffer->max_records,
					    info);
	else
		buffers.requested(&buffer->bytes, &buffer->size, &buffer->max_records);
	rig_driver_callback_set(0);
	inside_buffer_callback--;
	if (!buffer->bytes) {
		if (rig_version.null_buffer_crashes)
			rig_violation("a NULL buffer was returned; this version crashes");
		free(buffer);
		return NULL;
	}
	if ((uintptr_t)buffer->bytes % 8)
		rig_violation("a buffer is not 8-byte aligned");
	memset(buffer->bytes, 0, buffer->size);
	return buffer;
}

static void buffer_finish(struct slot *slot, int scope)
{
	if (!slot->current[scope])
		return;
	*buffers.full_end = slot->current[scope];
	buffers.full_end = &slot->current[scope]->next;
	slot->current[scope] = NULL;
	pthread_cond_signal(&buffers.is_full);
}

static void record_append(const void *record, uint32_t kind, int scope)
{
	size_t size = rig_stride(kind);
	struct slot *slot = slot_find();
	struct buffer *buffer = slot->current[scope];
	int64_t drop = rig_fault("drop");

	if (buffers.is_lost || !(scope ? !!buffers.requested_v2[scope] : !!buffers.requested))
		return;
	buffers.emitted++;
	if (drop > 0 && buffers.emitted % (size_t)drop == 0) {
		buffers.dropped++;
		return;
	}
	if (buffer && (buffer->used + size > buffer->size ||
		       (buffer->max_records && buffer->records == buffer->max_records))) {
		buffer_finish(slot, scope);
		buffer = NULL;
	}
	if (!buffer)
		buffer = slot->current[scope] = buffer_request(scope);
	if (!buffer || size > buffer->size) {
		buffers.dropped++;
		return;
	}
	memcpy(buffer->bytes + buffer->used, record, size);
	buffer->used += size;
	buffer->records++;
}

static void record_append_to(const void *record, uint32_t kind, uint32_t scopes)
{
	for (int scope = 0; scope < RIG_SCOPES; scope++)
		if (scopes >> scope & 1)
			record_append(record, kind, scope);
}

static void deliver(struct buffer *list)
{
	uint64_t info[5] = { sizeof(info) };

	while (list) {
		struct buffer *next = list->next;

		inside_buffer_callback++;
		rig_driver_callback_set(1);
		if (list->scope)
			buffers.completed_v2[list->scope](list->bytes, list->size, list->used,
							  info);
		else
			buffers.completed(NULL, 0, list->bytes, list->size, list->used);
		rig_driver_callback_set(0);
		inside_buffer_callback--;
		free(list);
		list = next;
	}
}

static struct buffer *full_take(void)
{
	struct buffer *list = buffers.full;

	buffers.full = NULL;
	buffers.full_end = &buffers.full;
	return list;
}

static void *worker_run(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&buffers.lock);
		while (!buffers.full)
			pthread_cond_wait(&buffers.is_full, &buffers.lock);
		pthread_mutex_unlock(&buffers.lock);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
		pthread_mutex_lock(&buffers.delivery);
		pthread_mutex_lock(&buffers.lock);
		struct buffer *list = full_take();

		pthread_mutex_unlock(&buffers.lock);
		deliver(list);
		pthread_mutex_unlock(&buffers.delivery);
	}
	return NULL;
}

static void worker_start(void)
{
	pthread_t thread;

	if (buffers.has_worker || rig_fault("late") >= 0)
		return;
	buffers.has_worker = !pthread_create(&thread, NULL, worker_run, NULL);
	if (buffers.has_worker)
		pthread_detach(thread);
}

void rig_buffers_register(rig_requested requested, rig_completed completed)
{
	pthread_mutex_lock(&buffers.lock);
	buffers.requested = requested;
	buffers.completed = completed;
	buffers.is_registered = true;
	buffers.pid = getpid();
	worker_start();
	pthread_mutex_unlock(&buffers.lock);
}

void rig_buffers_register_v2(int scope, rig_requested_v2 requested, rig_completed_v2 completed)
{
	pthread_mutex_lock(&buffers.lock);
	buffers.requested_v2[scope] = requested;
	buffers.completed_v2[scope] = completed;
	buffers.is_registered = true;
	buffers.pid = getpid();
	worker_start();
	pthread_mutex_unlock(&buffers.lock);
}

void rig_record_put_to(const void *record, uint32_t kind, uint32_t scopes)
{
	pthread_mutex_lock(&buffers.lock);
	record_append_to(record, kind, scopes);
	pthread_mutex_unlock(&buffers.lock);
}

void rig_record_put(const void *record, uint32_t kind)
{
	rig_record_put_to(record, kind, rig_kind_scopes(kind));
}

/* Lies about a kernel where RIG_FAULTS says so. */
static void kernel_spoil(struct late_record *late)
{
	struct rig_record_kernel *kernel = (struct rig_record_kernel *)(void *)late->bytes;
	size_t nth = ++buffers.kernels;
	int64_t zero = rig_fault("zero"), backwards = rig_fault("backwards"),
		stale = rig_fault("stale");

	if (zero > 0 && nth % (size_t)zero == 0)
		kernel->start = kernel->end = 0;
	if (backwards > 0 && nth % (size_t)backwards == 0)
		kernel->end = kernel->start - 1000;
	if (stale > 0 && nth % (size_t)stale == 0) {
		kernel->start += 100000000000000u;
		kernel->end += 100000000000000u;
	}
}

/* Lets one late record in, at random, so that the order in a buffer is not the order of time. */
static void late_give_one(void)
{
	buffers.shuffle = buffers.shuffle * 1664525u + 1013904223u;
	size_t index = (buffers.shuffle >> 8) % buffers.late_count;

	record_append_to(buffers.late[index].bytes, buffers.late[index].kind,
			 buffers.late[index].scopes);
	buffers.late[index] = buffers.late[--buffers.late_count];
}

void rig_record_put_late(const void *record, uint32_t kind)
{
	pthread_mutex_lock(&buffers.lock);
	if (buffers.late_count == LATE_MAX)
		late_give_one();
	struct late_record *late = &buffers.late[buffers.late_count++];

	late->kind = kind;
	late->scopes = rig_kind_scopes(kind);
	memcpy(late->bytes, record, rig_stride(kind));
	if (kind == RIG_KIND_KERNEL || kind == RIG_KIND_CONCURRENT_KERNEL)
		kernel_spoil(late);
	pthread_mutex_unlock(&buffers.lock);
}

void rig_records_complete(void)
{
	pthread_mutex_lock(&buffers.lock);
	while (buffers.late_count)
		late_give_one();
	pthread_mutex_unlock(&buffers.lock);
}

static void late_force(void)
{
	int64_t incomplete = rig_fault("incomplete");

	for (size_t i = 0; i < buffers.late_count; i++) {
		struct rig_record_kernel *kernel =
			(struct rig_record_kernel *)(void *)buffers.late[i].bytes;

		if (incomplete > 0 && (i + 1) % (size_t)incomplete == 0 &&
		    (kernel->kind == RIG_KIND_KERNEL || kernel->kind == RIG_KIND_CONCURRENT_KERNEL))
			kernel->end = 0;
	}
	while (buffers.late_count)
		late_give_one();
}

int rig_buffers_flush(bool is_forced)
{
	if (!buffers.is_registered)
		return 0;
	if (buffers.pid != getpid()) {
		rig_violation("cuptiActivityFlushAll in a forked child; the real one hangs");
		return 999;
	}
	if (rig_fault("hang") >= 0 && is_forced)
		for (;;)
			pause();
	pthread_mutex_lock(&buffers.delivery);
	pthread_mutex_lock(&buffers.lock);
	if (is_forced)
		late_force();
	for (int scope = 0; scope < RIG_SCOPES; scope++) {
		buffer_finish(&buffers.shared, scope);
		for (struct slot *slot = buffers.slots; slot; slot = slot->next)
			buffer_finish(slot, scope);
	}
	struct buffer *list = full_take();

	pthread_mutex_unlock(&buffers.lock);
	deliver(list);
	pthread_mutex_unlock(&buffers.delivery);
	return 0;
}

int rig_buffers_dropped(size_t *count)
{
	/* The real one may look at what it keeps for the thread, in any of its functions. */
	if (rig_in_buffer_callback() < 0)
		return 999;
	pthread_mutex_lock(&buffers.lock);
	*count = buffers.dropped;
	buffers.dropped = 0;
	pthread_mutex_unlock(&buffers.lock);
	return 0;
}

void rig_thread_buffers_set(bool is_on)
{
	buffers.has_thread_choice = true;
	buffers.uses_thread_buffers = is_on;
}

bool rig_thread_buffers(void)
{
	return buffers.has_thread_choice ? buffers.uses_thread_buffers :
					   rig_version.default_thread_buffers;
}

void rig_buffers_lose_all(void)
{
	pthread_mutex_lock(&buffers.lock);
	buffers.is_lost = true;
	buffers.late_count = 0;
	pthread_mutex_unlock(&buffers.lock);
}
