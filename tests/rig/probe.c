/* SPDX-License-Identifier: MIT */
/*
 * The smallest client of the doubles: an injection library that asks for everything and writes
 * each record, NVTX call and NCCL event as one JSON line to RIG_PROBE_OUT (rank in the name: %r).
 * For selftest.py; it reads records at fixed offsets of its own and the stride that the library
 * uses.
 * Thread: CUPTI's and the program's; one lock.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe.h"

static struct {
	pthread_mutex_t lock;
	FILE *out;
	void *cupti;
	int (*next)(uint8_t *, size_t, void **);
	int (*flush)(uint32_t);
	int (*dropped)(void *, uint32_t, size_t *);
	int (*callback_name)(uint32_t, uint32_t, const char **);
	size_t buffers;
} probe = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const int kinds[] = { 1, 2, 4, 5, 8, 9, 10, 17, 22, 36, 37, 38, 39, 49, 50, 52,
	58 };

__attribute__((constructor)) static void probe_start(void)
{
	Dl_info own;

	if (!dladdr((void *)(uintptr_t)&probe_start, &own) || !getenv("RIG_PROBE_OUT"))
		return;
	setenv("CUDA_INJECTION64_PATH", own.dli_fname, 0);
	setenv("NVTX_INJECTION64_PATH", own.dli_fname, 0);
	setenv("NCCL_PROFILER_PLUGIN", own.dli_fname, 0);
}

static FILE *out(void);

void probe_line_begin(void)
{
	pthread_mutex_lock(&probe.lock);
}

void probe_line_end(void)
{
	fputs("}\n", out());
	pthread_mutex_unlock(&probe.lock);
}

FILE *probe_out(void)
{
	return out();
}

static FILE *out(void)
{
	const char *name = getenv("RIG_PROBE_OUT");
	const char *rank = getenv("RANK");
	char path[4096];

	if (!probe.out && name) {
		snprintf(path, sizeof(path), "%s.%s", name, rank ? rank : "0");
		probe.out = fopen(path, "w");
	}
	return probe.out ? probe.out : stderr;
}

static uint32_t u32(const uint8_t *record, int offset)
{
	uint32_t value;

	memcpy(&value, record + offset, sizeof(value));
	return value;
}

static unsigned long long u64(const uint8_t *record, int offset)
{
	uint64_t value;

	memcpy(&value, record + offset, sizeof(value));
	return value;
}

void probe_text(const char *key, const char *value)
{
	fprintf(out(), ",\"%s\":\"", key);
	for (const unsigned char *at = (const unsigned char *)(value ? value : ""); *at; at++) {
		if (*at < 32 || *at == '"' || *at == '\\')
			fprintf(out(), "\\u%04x", *at);
		else
			fputc(*at, out());
	}
	fputc('"', out());
}

static const char *pointer(const uint8_t *record, int offset)
{
	const char *value;

	memcpy(&value, record + offset, sizeof(value));
	return value;
}

/* A GPU operation: stamps, place and correlation. */
static void place(const uint8_t *r, int start, int device, int correlation)
{
	fprintf(out(),
		",\"start\":%llu,\"end\":%llu,\"device\":%u,\"context\":%u,\"stream\":%u,"
		"\"corr\":%u",
		u64(r, start), u64(r, start + 8), u32(r, device), u32(r, device + 4),
		u32(r, device + 8), u32(r, correlation));
}

static void api_write(const uint8_t *r)
{
	const char *name = NULL;

	probe.callback_name(u32(r, 0) == 4 ? 1 : 2, u32(r, 4), &name);
	probe_text("name", name);
	fprintf(out(), ",\"start\":%llu,\"end\":%llu,\"thread\":%u,\"corr\":%u", u64(r, 8),
		u64(r, 16), u32(r, 28), u32(r, 32));
}

/* Kinds that tell neither of work nor of calls. */
static void other_record_write(const uint8_t *r)
{
	switch (u32(r, 0)) {
	case 25:
		fprintf(out(), ",\"type\":%u,\"value\":%llu,\"start\":%llu,\"end\":%llu",
			u32(r, 4), u64(r, 8), u64(r, 16), u64(r, 24));
		break;
	case 50:
		fprintf(out(), ",\"type\":%u,\"pool\":%llu,\"bytes\":%llu,\"used\":%llu,"
			"\"threshold\":%llu,\"stamp\":%llu", u32(r, 4), u64(r, 32), u64(r, 40),
			u64(r, 64), u64(r, 48), u64(r, 56));
		break;
	case 52:
		fprintf(out(), ",\"type\":%u,\"start\":%llu,\"end\":%llu", u32(r, 8), u64(r, 16),
			u64(r, 24));
		break;
	case 58:
		fprintf(out(), ",\"stream\":%u,\"start\":%llu,\"end\":%llu", u32(r, 4),
			u64(r, 32), u64(r, 40));
		break;
	}
}

static void record_write(const uint8_t *r)
{
	fprintf(out(), "{\"kind\":%u", u32(r, 0));
	switch (u32(r, 0)) {
	case 1:
		fprintf(out(), ",\"dir\":%u,\"src\":%u,\"dst\":%u,\"async\":%u,\"bytes\":%llu",
			r[4], r[5], r[6], r[7], u64(r, 8));
		place(r, 16, 32, 44);
		break;
	case 2:
		fprintf(out(), ",\"value\":%u,\"bytes\":%llu", u32(r, 4), u64(r, 8));
		place(r, 16, 32, 44);
		break;
	case 4:
	case 5:
		api_write(r);
		break;
	case 8:
		fprintf(out(), ",\"id\":%u,\"sms\":%u,\"engines\":%u", u32(r, 112), u32(r, 44),
			u32(r, 40));
		probe_text("name", pointer(r, 136));
		break;
	case 9: fprintf(out(), ",\"context\":%u,\"device\":%u", u32(r, 4), u32(r, 8)); break;
	case 10:
		probe_text("name", pointer(r, 104));
		fprintf(out(), ",\"grid\":[%u,%u,%u],\"block\":[%u,%u,%u],\"graph\":%u", u32(r, 52),
			u32(r, 56), u32(r, 60), u32(r, 64), u32(r, 68), u32(r, 72), u32(r, 156));
		place(r, 16, 40, 92);
		break;
	case 17:
		fprintf(out(), ",\"type\":%u,\"start\":%llu,\"end\":%llu", u32(r, 4), u64(r, 24),
			u64(r, 32));
		break;
	case 22:
		fprintf(out(), ",\"bytes\":%llu,\"from\":%u,\"to\":%u", u64(r, 8), u32(r, 44),
			u32(r, 52));
		place(r, 16, 32, 60);
		break;
	case 36:
		fprintf(out(), ",\"corr\":%u,\"stream\":%u,\"event\":%u", u32(r, 4), u32(r, 12),
			u32(r, 16));
		break;
	case 37: fprintf(out(), ",\"stream\":%u,\"type\":%u", u32(r, 8), u32(r, 16)); break;
	case 38:
		fprintf(out(),
			",\"type\":%u,\"start\":%llu,\"end\":%llu,\"corr\":%u,\"stream\":%u,"
			"\"event\":%u",
			u32(r, 4), u64(r, 8), u64(r, 16), u32(r, 24), u32(r, 32), u32(r, 36));
		break;
	case 39:
		fprintf(out(), ",\"external\":%u,\"id\":%llu,\"corr\":%u", u32(r, 4), u64(r, 8),
			u32(r, 16));
		break;
	default: other_record_write(r); break;
	case 49:
		fprintf(out(), ",\"type\":%u,\"address\":%llu,\"bytes\":%llu,\"stamp\":%llu",
			u32(r, 4), u64(r, 16), u64(r, 24), u64(r, 32));
		break;
	}
	fputs("}\n", out());
}

static void buffer_request(uint8_t **buffer, size_t *size, size_t *max_records)
{
	*size = 65536;
	*buffer = aligned_alloc(8, *size);
	*max_records = 0;
}

static void buffer_complete(void *context, uint32_t stream, uint8_t *buffer, size_t size,
			    size_t valid)
{
	void *record = NULL;

	(void)context;
	(void)stream;
	(void)size;
	pthread_mutex_lock(&probe.lock);
	probe.buffers++;
	while (!probe.next(buffer, valid, &record))
		record_write(record);
	pthread_mutex_unlock(&probe.lock);
	free(buffer);
}

static void at_exit(void)
{
	size_t dropped = 0;

	probe.flush(1);
	probe.dropped(NULL, 0, &dropped);
	fprintf(out(), "{\"kind\":\"end\",\"buffers\":%zu,\"dropped\":%zu}\n", probe.buffers,
		dropped);
	fclose(out());
	probe.out = NULL;
}

static void on_callback(void *user, uint32_t domain, uint32_t cbid, const void *data)
{
	(void)user;
	(void)data;
	pthread_mutex_lock(&probe.lock);
	fprintf(out(), "{\"kind\":\"callback\",\"domain\":%u,\"cbid\":%u}\n", domain, cbid);
	pthread_mutex_unlock(&probe.lock);
}

#define SYMBOL(variable, name) (*(void **)(&(variable)) = dlsym(probe.cupti, name))

EXPORT int InitializeInjection(void);
EXPORT int InitializeInjection(void)
{
	const char *soname = getenv("RIG_CUPTI_SONAME");
	int (*subscribe)(void **, void (*)(void *, uint32_t, uint32_t, const void *), void *);
	int (*enable_callback)(uint32_t, void *, uint32_t, uint32_t);
	int (*register_callbacks)(void (*)(uint8_t **, size_t *, size_t *),
				  void (*)(void *, uint32_t, uint8_t *, size_t, size_t));
	int (*enable)(uint32_t);
	void *handle = NULL;
	int result;

	if (!getenv("RIG_PROBE_OUT"))
		return 1;
	probe.cupti = dlopen(soname ? soname : "libcupti.so.13", RTLD_NOW);
	if (!probe.cupti) {
		fprintf(stderr, "probe: %s\n", dlerror());
		return 1;
	}
	SYMBOL(probe.next, "cuptiActivityGetNextRecord");
	SYMBOL(probe.flush, "cuptiActivityFlushAll");
	SYMBOL(probe.dropped, "cuptiActivityGetNumDroppedRecords");
	SYMBOL(probe.callback_name, "cuptiGetCallbackName");
	SYMBOL(subscribe, "cuptiSubscribe");
	SYMBOL(enable_callback, "cuptiEnableCallback");
	SYMBOL(register_callbacks, "cuptiActivityRegisterCallbacks");
	SYMBOL(enable, "cuptiActivityEnable");
	result = subscribe(&handle, on_callback, NULL);
	fprintf(out(), "{\"kind\":\"subscribe\",\"result\":%d}\n", result);
	if (result)
		return 1;
	enable_callback(1, handle, 3, 1);
	register_callbacks(buffer_request, buffer_complete);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		result = enable((uint32_t)kinds[i]);
		if (result && kinds[i] != 58)	/* from 13.1 on */
			fprintf(out(), "{\"kind\":\"enable\",\"which\":%d,\"result\":%d}\n",
				kinds[i], result);
	}
	atexit(at_exit);
	return 1;
}
