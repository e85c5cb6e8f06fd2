/* SPDX-License-Identifier: MIT */
/*
 * libcupti_floor.so: switches on the records that libtrace records by default, and throws the
 * buffers away. The difference between a program under it and the program alone is what CUPTI
 * itself costs. Loaded by the driver (CUDA_INJECTION64_PATH); InitializeInjection is called on the
 * thread that calls cuInit, the buffer callbacks by whatever thread CUPTI likes.
 *
 * Environment: CUPTI_FLOOR_LIBRARY, a libcupti for programs that have loaded none.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_BYTES = 128 * 1024, ALIGNMENT = 8, KEPT_MAX = 256 };

/*
 * Device, context, stream, kernels, copies, peer copies, memsets, runtime, driver, synchronization,
 * events, memory.
 */
static const uint32_t kinds[] = { 8, 9, 37, 10, 1, 22, 2, 5, 4, 38, 36, 49 };

typedef void (*requested_function)(uint8_t **buffer, size_t *size, size_t *records_max);
typedef void (*completed_function)(void *context, uint32_t stream, uint8_t *buffer, size_t size,
				   size_t used);
typedef void (*callback_function)(void *user, uint32_t domain, uint32_t id, const void *data);

/* Buffers to be used again: fresh memory would cost more than CUPTI does. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *kept[KEPT_MAX];
static size_t kept_count;

static void buffer_requested(uint8_t **buffer, size_t *size, size_t *records_max)
{
	pthread_mutex_lock(&lock);
	*buffer = kept_count > 0 ? kept[--kept_count] : NULL;
	pthread_mutex_unlock(&lock);
	if (*buffer == NULL)
		*buffer = aligned_alloc(ALIGNMENT, BUFFER_BYTES);
	*size = *buffer != NULL ? BUFFER_BYTES : 0;
	*records_max = 0;
}

static void buffer_completed(void *context, uint32_t stream, uint8_t *buffer, size_t size,
			     size_t used)
{
	(void)context;
	(void)stream;
	(void)size;
	(void)used;
	pthread_mutex_lock(&lock);
	if (kept_count < KEPT_MAX) {
		kept[kept_count++] = buffer;
		buffer = NULL;
	}
	pthread_mutex_unlock(&lock);
	free(buffer);
}

static void callback_ignored(void *user, uint32_t domain, uint32_t id, const void *data)
{
	(void)user;
	(void)domain;
	(void)id;
	(void)data;
}

/* The one that the program has mapped, or the one that it was told. */
static void *library_open(void)
{
	static const char *const names[] = { "libcupti.so.13", "libcupti.so.12",
					     "libcupti.so.11.8" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		void *library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD);
		if (library != NULL)
			return library;
	}
	const char *path = getenv("CUPTI_FLOOR_LIBRARY");
	return path != NULL && *path != 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static int kinds_enable(void *library)
{
	uint32_t (*subscribe)(void **, callback_function, void *);
	uint32_t (*register_callbacks)(requested_function, completed_function);
	uint32_t (*set_attribute)(uint32_t, size_t *, void *);
	uint32_t (*enable)(uint32_t);
	*(void **)&subscribe = dlsym(library, "cuptiSubscribe");
	*(void **)&register_callbacks = dlsym(library, "cuptiActivityRegisterCallbacks");
	*(void **)&set_attribute = dlsym(library, "cuptiActivitySetAttribute");
	*(void **)&enable = dlsym(library, "cuptiActivityEnable");
	if (subscribe == NULL || register_callbacks == NULL || set_attribute == NULL ||
	    enable == NULL)
		return -1;

	static void *subscriber;
	uint8_t off = 0;
	size_t size = sizeof off;
	uint32_t result = subscribe(&subscriber, callback_ignored, NULL);
	(void)set_attribute(9, &size, &off);	/* buffers a thread: as libtrace does */
	if (result == 0)
		result = register_callbacks(buffer_requested, buffer_completed);
	for (size_t i = 0; result == 0 && i < sizeof kinds / sizeof kinds[0]; i++)
		result = enable(kinds[i]);
	return (int)result;
}

int InitializeInjection(void);

__attribute__((visibility("default"))) int InitializeInjection(void)
{
	static int is_done;
	if (is_done)
		return 1;
	is_done = 1;
	void *library = library_open();
	int result = library != NULL ? kinds_enable(library) : -1;
	if (result != 0)
		fprintf(stderr, "cupti_floor: %s (%d)\n",
			library != NULL ? "CUPTI cannot be used" : "no libcupti", result);
	return 1;
}
