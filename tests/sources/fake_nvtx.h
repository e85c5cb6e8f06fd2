/* SPDX-License-Identifier: MIT */
/*
 * A program's side of NVTX with tables made by hand: of the v3 headers, or of the shorter v2
 * library. All slots begin as NULL.
 *
 * Thread: attach on one thread; the slots may be called from any.
 */
#ifndef TESTS_SOURCES_FAKE_NVTX_H
#define TESTS_SOURCES_FAKE_NVTX_H

#include "libtrace/nvtx_abi.h"

#include <stdbool.h>

struct fake_nvtx {
	void (*mark_ex)(const void *);
	void (*mark_a)(const char *);
	void (*mark_w)(const int *);
	uint64_t (*start_ex)(const void *);
	uint64_t (*start_a)(const char *);
	void (*end)(uint64_t);
	int (*push_ex)(const void *);
	int (*push_a)(const char *);
	int (*pop)(void);
	void (*name_category_a)(uint32_t, const char *);
	void (*name_thread_a)(uint32_t, const char *);
	void (*domain_mark_ex)(void *, const void *);
	uint64_t (*domain_start_ex)(void *, const void *);
	void (*domain_end)(void *, uint64_t);
	int (*domain_push_ex)(void *, const void *);
	int (*domain_pop)(void *);
	void (*domain_name_category_a)(void *, uint32_t, const char *);
	void *(*register_string_a)(void *, const char *);
	void *(*register_string_w)(void *, const int *);
	void *(*domain_create_a)(const char *);
	void (*domain_destroy)(void *);
	void (*name_cuda_stream_a)(void *, const char *);
	intptr_t slots[63];
};

/* Attaches to a fresh instance; `is_v2`: CORE2 has 15 entries. False: refused. */
bool fake_nvtx_attach(struct fake_nvtx *nvtx, bool is_v2);

/* Attaches the payload extension with that many slots; the rest stay 0. */
bool fake_nvtx_extend(struct fake_nvtx *nvtx, size_t slot_count);

/* Slots of the extension, to be called. */
uint64_t fake_schema_register(const struct fake_nvtx *nvtx, void *domain,
			      const struct nvtx_schema_attributes *attributes);
uint64_t fake_enum_register(const struct fake_nvtx *nvtx, void *domain,
			    const struct nvtx_enum_attributes *attributes);
int fake_push_payload(const struct fake_nvtx *nvtx, void *domain,
		      const struct nvtx_payload_data *data, size_t count);
int fake_pop_payload(const struct fake_nvtx *nvtx, void *domain,
		     const struct nvtx_payload_data *data, size_t count);

struct nvtx_event_attributes fake_attributes(const char *message);

#endif
