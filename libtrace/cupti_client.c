/* SPDX-License-Identifier: MIT */
#include "libtrace/cupti_client.h"
#include "libtrace/host_facts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	STAMPS_MAX = 5,
	CLOCK_TRIES_MAX = 8,
	CLOCK_SPAN_NS = 500,
	FLUSH_WAITS_MAX = 5000,
	FLUSH_WAIT_NS = 200000
};

struct client_callbacks {
	cupti_requested requested;
	cupti_completed completed;
};

/* A buffer of the client that is being filled. */
struct client_buffer {
	const struct client_callbacks *owner;
	uint8_t *bytes;
	size_t size, used;
	size_t records, records_max;	/* 0: as many as fit */
};

/* The client's clock, and one moment in it and in ours. */
struct client_clock {
	uint64_t (*read)(void);
	int64_t realtime_ns;
	uint64_t value;
	const struct client_clock *former;
};

/* Callbacks and clocks are replaced, never changed or freed: another thread may use them. */
static struct cupti_client {
	const struct client_callbacks *_Atomic callbacks;
	const struct client_clock *_Atomic clock;
	const struct client_clock *_Atomic last_clock;	/* that ever was: all are kept */
	struct client_buffer *_Atomic open;	/* whoever takes it away fills it alone */
	_Atomic int copying;			/* threads that may hold it */
	_Atomic int wanted_count;
	_Atomic int64_t since_ns[CUPTI_KIND_LIMIT];	/* 0: not wanted */
} client;

/* Where the stamps stand in a record; the first is its start. */
static const struct record_stamps {
	uint32_t kind;
	uint16_t offsets[STAMPS_MAX];	/* 0: no more */
} record_stamps[] = {
#define AT(record, field) offsetof(struct cupti_##record, field)
#define KERNEL_STAMPS \
	{ AT(kernel, start), AT(kernel, end), AT(kernel, completed), AT(kernel, queued), \
	  AT(kernel, submitted) }
	{ CUPTI_KIND_MEMCPY, { AT(memcpy, start), AT(memcpy, end) } },
	{ CUPTI_KIND_MEMSET, { AT(memset, start), AT(memset, end) } },
	{ CUPTI_KIND_KERNEL, KERNEL_STAMPS },
	{ CUPTI_KIND_CONCURRENT_KERNEL, KERNEL_STAMPS },
	{ CUPTI_KIND_DRIVER, { AT(api, start), AT(api, end) } },
	{ CUPTI_KIND_RUNTIME, { AT(api, start), AT(api, end) } },
	{ CUPTI_KIND_INTERNAL_LAUNCH_API, { AT(api, start), AT(api, end) } },
	{ CUPTI_KIND_OVERHEAD, { AT(overhead, start), AT(overhead, end) } },
	{ CUPTI_KIND_MEMCPY2, { AT(peer_copy, start), AT(peer_copy, end) } },
	{ CUPTI_KIND_CUDA_EVENT, { AT(event, device_timestamp) } },
	{ CUPTI_KIND_SYNCHRONIZATION,
	  { AT(synchronization, start), AT(synchronization, end) } },
	{ CUPTI_KIND_UNIFIED_MEMORY, { AT(unified_memory, start), AT(unified_memory, end) } },
	{ CUPTI_KIND_MEMORY2, { AT(memory, timestamp) } },
	{ CUPTI_KIND_MEMORY_POOL, { AT(memory_pool, timestamp) } },
	{ CUPTI_KIND_JIT, { AT(jit, start), AT(jit, end) } },
	{ CUPTI_KIND_GRAPH_HOST_NODE, { AT(graph_host_node, start), AT(graph_host_node, end) } },
	{ CUPTI_KIND_HOST_LAUNCH, { AT(host_launch, start), AT(host_launch, end) } },
	{ CUPTI_KIND_GRAPH_TRACE, { AT(graph_trace, start), AT(graph_trace, end) } },
#undef KERNEL_STAMPS
#undef AT
};

static const struct client_callbacks *callbacks_get(void)
{
	return atomic_load_explicit(&client.callbacks, memory_order_acquire);
}

bool cupti_client_is_here(void)
{
	return callbacks_get() != NULL;
}

bool cupti_client_is_at_work(void)
{
	return cupti_client_is_here() &&
		atomic_load_explicit(&client.wanted_count, memory_order_relaxed) != 0;
}

static void buffer_hand_over(struct client_buffer *buffer)
{
	if (buffer == NULL)
		return;
	buffer->owner->completed(NULL, 0, buffer->bytes, buffer->size, buffer->used);
	free(buffer);
}

static struct client_buffer *buffer_take(void)
{
	return atomic_exchange_explicit(&client.open, NULL, memory_order_acq_rel);
}

/* Where another thread was faster, what this one holds goes to the client as it is. */
static void buffer_keep(struct client_buffer *buffer)
{
	struct client_buffer *none = NULL;
	if (buffer != NULL &&
	    !atomic_compare_exchange_strong_explicit(&client.open, &none, buffer,
						     memory_order_acq_rel, memory_order_relaxed))
		buffer_hand_over(buffer);
}

/* NULL: the client has none to give, as its own limit says. */
static struct client_buffer *buffer_request(const struct client_callbacks *callbacks)
{
	struct client_buffer *buffer = calloc(1, sizeof *buffer);
	if (buffer == NULL)
		return NULL;
	buffer->owner = callbacks;
	callbacks->requested(&buffer->bytes, &buffer->size, &buffer->records_max);
	if (buffer->bytes != NULL && buffer->size != 0)
		return buffer;
	free(buffer);
	return NULL;
}

bool cupti_client_register(cupti_requested requested, cupti_completed completed)
{
	const struct client_callbacks *before = callbacks_get();
	if (before != NULL && before->requested == requested && before->completed == completed)
		return true;
	struct client_callbacks *callbacks = malloc(sizeof *callbacks);
	if (callbacks == NULL)
		return false;
	*callbacks = (struct client_callbacks){ .requested = requested, .completed = completed };
	atomic_store_explicit(&client.callbacks, callbacks, memory_order_release);
	buffer_hand_over(buffer_take());	/* the former client's */
	return true;
}

static void kind_want(uint32_t kind, bool is_wanted)
{
	int64_t now_ns = realtime_ns(), since_ns = 0;
	if (is_wanted && atomic_compare_exchange_strong(&client.since_ns[kind], &since_ns, now_ns))
		atomic_fetch_add(&client.wanted_count, 1);
	else if (!is_wanted && atomic_exchange(&client.since_ns[kind], 0) != 0)
		atomic_fetch_sub(&client.wanted_count, 1);
}

void cupti_client_want(uint32_t kind, bool is_wanted)
{
	if (kind >= CUPTI_KIND_LIMIT)
		return;
	kind_want(kind, is_wanted);
	/* Both ways to ask for kernels give records of either kind. */
	if (kind == CUPTI_KIND_KERNEL)
		kind_want(CUPTI_KIND_CONCURRENT_KERNEL, is_wanted);
	else if (kind == CUPTI_KIND_CONCURRENT_KERNEL)
		kind_want(CUPTI_KIND_KERNEL, is_wanted);
}

bool cupti_client_wants(uint32_t kind)
{
	return cupti_client_is_here() && kind < CUPTI_KIND_LIMIT &&
		atomic_load_explicit(&client.since_ns[kind], memory_order_relaxed) != 0;
}

/* The closest pair of a few: between two readings the thread may have to wait. */
static void clock_read(uint64_t (*read)(void), struct client_clock *at)
{
	int64_t best_ns = INT64_MAX;
	at->read = read;
	for (int i = 0; i < CLOCK_TRIES_MAX && best_ns > CLOCK_SPAN_NS; i++) {
		int64_t before_ns = realtime_ns();
		uint64_t value = read();
		int64_t span_ns = realtime_ns() - before_ns;
		if (span_ns >= best_ns || span_ns < 0)
			continue;
		best_ns = span_ns;
		at->value = value;
		at->realtime_ns = before_ns + span_ns / 2;
	}
}

void cupti_client_set_clock(uint64_t (*read)(void))
{
	const struct client_clock *before =
		atomic_load_explicit(&client.clock, memory_order_acquire);
	struct client_clock *clock = NULL;
	if (read == NULL ? before == NULL : before != NULL && before->read == read)
		return;
	if (read != NULL)
		clock = malloc(sizeof *clock);
	if (clock != NULL) {
		*clock = (struct client_clock){ 0 };
		clock_read(read, clock);
		clock->former = atomic_exchange(&client.last_clock, clock);
	}
	atomic_store_explicit(&client.clock, clock, memory_order_release);
}

void cupti_client_request(void)
{
	const struct client_callbacks *callbacks = callbacks_get();
	if (callbacks == NULL || atomic_load_explicit(&client.wanted_count,
						      memory_order_relaxed) == 0 ||
	    atomic_load_explicit(&client.copying, memory_order_acquire) != 0 ||
	    atomic_load_explicit(&client.open, memory_order_acquire) != NULL)
		return;
	buffer_keep(buffer_request(callbacks));
}

/* A moment of ours in the client's clock: on the line through the two moments known in both. */
static uint64_t stamp_convert(const struct client_clock *from, const struct client_clock *to,
			      uint64_t stamp)
{
	int64_t span_ns = to->realtime_ns - from->realtime_ns;
	if (span_ns <= 0)
		return to->value + (stamp - (uint64_t)to->realtime_ns);
	/* The bits are those of a whole product: a double would lose the last ones. */
	__extension__ typedef __int128 wide;
	wide ticks = (wide)(int64_t)(to->value - from->value) *
		(int64_t)(stamp - (uint64_t)from->realtime_ns);
	return from->value + (uint64_t)(int64_t)(ticks / span_ns);
}

static const struct record_stamps *stamps_find(uint32_t kind)
{
	for (size_t i = 0; i < sizeof record_stamps / sizeof record_stamps[0]; i++)
		if (record_stamps[i].kind == kind)
			return &record_stamps[i];
	return NULL;
}

static uint64_t stamp_get(const uint8_t *record, size_t offset, size_t stride)
{
	uint64_t stamp = 0;
	if (offset + sizeof stamp <= stride)
		memcpy(&stamp, record + offset, sizeof stamp);
	return stamp;
}

static bool record_is_wanted(const uint8_t *record, uint32_t kind, size_t stride)
{
	int64_t since_ns = atomic_load_explicit(&client.since_ns[kind], memory_order_relaxed);
	if (since_ns == 0)
		return false;
	if (kind == CUPTI_KIND_EXTERNAL_CORRELATION) {
		struct cupti_external_correlation external;
		memcpy(&external, record, sizeof external);
		return external.external_kind != CUPTI_EXTERNAL_OURS;
	}
	const struct record_stamps *stamps = stamps_find(kind);
	uint64_t start = stamps == NULL ? 0 : stamp_get(record, stamps->offsets[0], stride);
	return start == 0 || start >= (uint64_t)since_ns;
}

static void record_set_clock(uint8_t *record, uint32_t kind, size_t stride,
			     const struct client_clock *from, const struct client_clock *to)
{
	const struct record_stamps *stamps = stamps_find(kind);
	for (int i = 0; stamps != NULL && i < STAMPS_MAX && stamps->offsets[i] != 0; i++) {
		uint64_t stamp = stamp_get(record, stamps->offsets[i], stride);
		if (stamp == 0)
			continue;
		stamp = stamp_convert(from, to, stamp);
		memcpy(record + stamps->offsets[i], &stamp, sizeof stamp);
	}
}

static bool buffer_has_room(const struct client_buffer *buffer, size_t stride)
{
	return buffer != NULL && buffer->used + stride <= buffer->size &&
		(buffer->records_max == 0 || buffer->records < buffer->records_max);
}

/* Returns the buffer that is being filled at the end, NULL when the client gave none. */
static struct client_buffer *records_copy(const struct client_callbacks *callbacks,
					  struct client_buffer *buffer, const uint16_t *strides,
					  const uint8_t *bytes, size_t valid_bytes)
{
	const struct client_clock *clock =
		atomic_load_explicit(&client.clock, memory_order_acquire);
	struct client_clock now = { 0 };
	if (clock != NULL)
		clock_read(clock->read, &now);
	uint32_t kind;
	for (size_t at = 0; at + sizeof kind <= valid_bytes; ) {
		memcpy(&kind, bytes + at, sizeof kind);
		size_t stride = kind < CUPTI_KIND_LIMIT ? strides[kind] : 0;
		if (stride == 0 || at + stride > valid_bytes)
			break;
		const uint8_t *record = bytes + at;
		at += stride;
		if (!record_is_wanted(record, kind, stride))
			continue;
		if (!buffer_has_room(buffer, stride)) {
			buffer_hand_over(buffer);
			buffer = buffer_request(callbacks);
		}
		if (!buffer_has_room(buffer, stride))
			return buffer;	/* its limit: the rest is dropped, as CUPTI would */
		uint8_t *copy = buffer->bytes + buffer->used;
		memcpy(copy, record, stride);
		if (clock != NULL)
			record_set_clock(copy, kind, stride, clock, &now);
		buffer->used += stride;
		buffer->records++;
	}
	return buffer;
}

void cupti_client_copy(const uint16_t *strides, const uint8_t *bytes, size_t valid_bytes)
{
	const struct client_callbacks *callbacks = callbacks_get();
	if (callbacks == NULL ||
	    atomic_load_explicit(&client.wanted_count, memory_order_relaxed) == 0)
		return;
	atomic_fetch_add_explicit(&client.copying, 1, memory_order_acq_rel);
	struct client_buffer *buffer = buffer_take();
	if (buffer != NULL && buffer->owner != callbacks) {
		buffer_hand_over(buffer);
		buffer = NULL;
	}
	buffer_keep(records_copy(callbacks, buffer, strides, bytes, valid_bytes));
	atomic_fetch_sub_explicit(&client.copying, 1, memory_order_acq_rel);
}

bool cupti_client_give(void *context, uint32_t stream, uint8_t *bytes, size_t size,
		       size_t valid_bytes)
{
	const struct client_callbacks *callbacks = callbacks_get();
	if (callbacks == NULL)
		return false;
	callbacks->completed(context, stream, bytes, size, valid_bytes);
	return true;
}

void cupti_client_flush(void)
{
	const struct timespec pause = { .tv_nsec = FLUSH_WAIT_NS };
	/* Another thread may still copy a buffer that was full before the flush. */
	for (int i = 0; i < FLUSH_WAITS_MAX && atomic_load_explicit(&client.copying,
								    memory_order_acquire) != 0; i++)
		(void)nanosleep(&pause, NULL);
	struct client_buffer *buffer = buffer_take();
	if (buffer != NULL && buffer->used == 0)
		buffer_keep(buffer);
	else
		buffer_hand_over(buffer);
}
