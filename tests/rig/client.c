/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cupti.h"

enum { BUFFER_BYTES = 4 << 20, BUFFERS_MAX = 33, RECORDS_MAX = 1 << 20, LINE_BYTES = 96 };

/* Undefined here: libcupti's, or those of a preload that stands before it. */
int cuptiSubscribe(void **handle, rig_callback callback, void *user);
int cuptiActivityRegisterCallbacks(rig_requested requested, rig_completed completed);
int cuptiActivityEnable(uint32_t kind);
int cuptiActivityDisable(uint32_t kind);
int cuptiActivityFlushAll(uint32_t flag);
int cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid_size, void **record);
int cuptiFinalize(void);

/* From 13.3 on. */
struct subscribe_params {
	size_t size;
	const char *name;
	char *old_name;
	size_t old_name_size;
	uint8_t allows_others, padding[7];
};

#define WEAK __attribute__((weak))
WEAK int cuptiSubscribe_v2(void **handle, rig_callback callback, void *user,
			   struct subscribe_params *params);
WEAK int cuptiUnsubscribe(void *handle);
WEAK int cuptiActivityRegisterCallbacks_v2(void *handle, rig_requested_v2 requested,
					   rig_completed_v2 completed);
WEAK int cuptiActivityEnable_v2(void *handle, uint32_t kind, void *config);
WEAK int cuptiActivityDisable_v2(void *handle, uint32_t kind, void *config);

static const uint32_t kinds[] = {
	RIG_KIND_MEMCPY, RIG_KIND_MEMSET, RIG_KIND_CONCURRENT_KERNEL, RIG_KIND_EXTERNAL_CORRELATION,
	RIG_KIND_RUNTIME, RIG_KIND_DRIVER, RIG_KIND_OVERHEAD, RIG_KIND_SYNCHRONIZATION,
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

static struct {
	pthread_mutex_t lock;	/* all below; Kineto takes one in both callbacks, too */
	uint8_t *allocated[BUFFERS_MAX];
	int allocated_count, unknown, refused;
	char (*lines)[LINE_BYTES];
	size_t line_count;
} client = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	int (*register_callbacks)(rig_requested requested, rig_completed completed);
	int (*enable)(uint32_t kind);
	int (*disable)(uint32_t kind);
	int (*flush_all)(uint32_t flag);
	int (*finalize)(void);
} cupti;

static void *subscriber;	/* of the new calls */

static bool has_word(const char *how, const char *word)
{
	return how && strstr(how, word);
}

static void requested(uint8_t **buffer, size_t *size, size_t *max_records)
{
	*buffer = NULL;
	*size = 0;
	*max_records = 0;
	pthread_mutex_lock(&client.lock);
	if (client.allocated_count < BUFFERS_MAX)
		*buffer = aligned_alloc(8, BUFFER_BYTES);
	else
		client.refused++;
	if (*buffer) {
		client.allocated[client.allocated_count++] = *buffer;
		*size = BUFFER_BYTES;
	}
	pthread_mutex_unlock(&client.lock);
}

#define RECORD(type) const struct rig_record_##type *r = record
#define LINE(correlation, start, end) \
	snprintf(line, LINE_BYTES, "%u %u %llu %llu", *(const uint32_t *)record, (correlation), \
		 (unsigned long long)(start), (unsigned long long)(end))

static void record_keep(const void *record)
{
	char *line = client.lines[client.line_count];

	if (client.line_count + 1 >= RECORDS_MAX)
		return;
	client.line_count++;
	switch (*(const uint32_t *)record) {
	case RIG_KIND_MEMCPY: { RECORD(memcpy); LINE(r->correlationId, r->start, r->end); break; }
	case RIG_KIND_MEMSET: { RECORD(memset); LINE(r->correlationId, r->start, r->end); break; }
	case RIG_KIND_CONCURRENT_KERNEL: {
		RECORD(kernel);
		LINE(r->correlationId, r->start, r->end);
		break;
	}
	case RIG_KIND_RUNTIME:
	case RIG_KIND_DRIVER: { RECORD(api); LINE(r->correlationId, r->start, r->end); break; }
	case RIG_KIND_OVERHEAD: { RECORD(overhead); LINE(0u, r->start, r->end); break; }
	case RIG_KIND_SYNCHRONIZATION: {
		RECORD(synchronization);
		LINE(r->correlationId, r->start, r->end);
		break;
	}
	case RIG_KIND_EXTERNAL_CORRELATION: {
		RECORD(external_correlation);
		LINE(r->correlationId, r->externalKind, r->externalId);
		break;
	}
	default: LINE(0u, 0, 0); break;
	}
}

static void completed(void *context, uint32_t stream, uint8_t *buffer, size_t size,
		      size_t valid_size)
{
	void *record = NULL;
	int index = 0;

	(void)context;
	(void)stream;
	(void)size;
	pthread_mutex_lock(&client.lock);
	while (index < client.allocated_count && client.allocated[index] != buffer)
		index++;
	if (index < client.allocated_count) {
		client.allocated[index] = client.allocated[--client.allocated_count];
		while (!cuptiActivityGetNextRecord(buffer, valid_size, &record))
			record_keep(record);
		free(buffer);
	} else {
		client.unknown++;
	}
	pthread_mutex_unlock(&client.lock);
}

static void requested_v2(uint8_t **buffer, size_t *size, size_t *max_records, void *info)
{
	(void)info;
	requested(buffer, size, max_records);
}

static void completed_v2(uint8_t *buffer, size_t size, size_t valid_size, void *info)
{
	(void)info;
	completed(NULL, 0, buffer, size, valid_size);
}

static void functions_find(const char *how)
{
	void *handle = has_word(how, "dlsym") ? dlopen("libcupti.so.13", RTLD_NOW | RTLD_NOLOAD)
					      : NULL;

	cupti.register_callbacks = cuptiActivityRegisterCallbacks;
	cupti.enable = cuptiActivityEnable;
	cupti.disable = cuptiActivityDisable;
	cupti.flush_all = cuptiActivityFlushAll;
	cupti.finalize = cuptiFinalize;
	if (!handle)
		return;
	*(void **)&cupti.register_callbacks = dlsym(handle, "cuptiActivityRegisterCallbacks");
	*(void **)&cupti.enable = dlsym(handle, "cuptiActivityEnable");
	*(void **)&cupti.disable = dlsym(handle, "cuptiActivityDisable");
	*(void **)&cupti.flush_all = dlsym(handle, "cuptiActivityFlushAll");
	*(void **)&cupti.finalize = dlsym(handle, "cuptiFinalize");
}

static void callback_ignore(void *user, uint32_t domain, uint32_t cbid, const void *data)
{
	(void)user;
	(void)domain;
	(void)cbid;
	(void)data;
}

/* As a client of CUPTI 13.3 does it, that knows that it may be one of several. */
static void start_several(const char *how)
{
	struct subscribe_params params = {
		.size = sizeof(params), .name = "rig client",
		.allows_others = !has_word(how, "sole"),
	};
	int (*subscribe)(void **, rig_callback, void *, struct subscribe_params *) =
		cuptiSubscribe_v2;
	int result;

	if (has_word(how, "dlsym"))
		*(void **)&subscribe = dlsym(dlopen("libcupti.so.13", RTLD_NOW | RTLD_NOLOAD),
					     "cuptiSubscribe_v2");
	result = subscribe(&subscriber, NULL, NULL, &params);
	if (result) {
		fprintf(stderr, "rig-client: cannot subscribe: %d\n", result);
		return;
	}
	if (cuptiActivityRegisterCallbacks_v2(subscriber, requested_v2, completed_v2))
		fputs("rig-client: cannot register\n", stderr);
	for (int i = 0; i < KIND_COUNT; i++)
		if (cuptiActivityEnable_v2(subscriber, kinds[i], NULL))
			fprintf(stderr, "rig-client: cannot enable %u\n", kinds[i]);
}

static void stop_several(void)
{
	if (!subscriber)
		return;
	cupti.flush_all(1);
	for (int i = 0; i < KIND_COUNT; i++)
		cuptiActivityDisable_v2(subscriber, kinds[i], NULL);
	if (cuptiUnsubscribe(subscriber))
		fputs("rig-client: cannot unsubscribe\n", stderr);
	subscriber = NULL;
}

static void start_alone(void)
{
	void *handle = NULL;

	/* Kineto goes on when this fails. */
	(void)cuptiSubscribe(&handle, callback_ignore, NULL);
	if (cupti.register_callbacks(requested, completed))
		fputs("rig-client: cannot register\n", stderr);
	for (int i = 0; i < KIND_COUNT; i++)
		if (cupti.enable(kinds[i]))
			fprintf(stderr, "rig-client: cannot enable %u\n", kinds[i]);
}

static void stop_alone(const char *how)
{
	pthread_mutex_lock(&client.lock);
	bool has_any = client.allocated_count > 0;

	pthread_mutex_unlock(&client.lock);
	if (has_any) /* Kineto's rule: nothing was ever asked for, so there is nothing to fetch */
		cupti.flush_all(1);
	for (int i = 0; i < KIND_COUNT; i++)
		cupti.disable(kinds[i]);
	if (has_word(how, "finalize"))
		cupti.finalize();
}

/* The real time, past the clock of the training program, which is the scenario's. */
static void time_note(void)
{
	const char *path = getenv("RIG_CLIENT_TIMES");
	FILE *file = path ? fopen(path, "a") : NULL;
	struct timespec now;

	if (!file || syscall(SYS_clock_gettime, CLOCK_REALTIME, &now))
		return;
	fprintf(file, "%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fclose(file);
}

RIG_EXPORT void rig_client_start(const char *how)
{
	functions_find(how);
	if (!client.lines)
		client.lines = malloc((size_t)RECORDS_MAX * LINE_BYTES);
	if (!client.lines)
		abort();
	time_note();
	if (has_word(how, "several"))
		start_several(how);
	else
		start_alone();
}

static int line_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

RIG_EXPORT void rig_client_stop(const char *how, const char *path)
{
	FILE *file = path ? fopen(path, "w") : NULL;

	if (has_word(how, "several"))
		stop_several();
	else
		stop_alone(how);
	time_note();
	if (!file)
		return;
	pthread_mutex_lock(&client.lock);
	qsort(client.lines, client.line_count, LINE_BYTES, line_compare);
	for (size_t i = 0; i < client.line_count; i++)
		fprintf(file, "%s\n", client.lines[i]);
	fprintf(file, "unknown %d refused %d\n", client.unknown, client.refused);
	pthread_mutex_unlock(&client.lock);
	fclose(file);
}
