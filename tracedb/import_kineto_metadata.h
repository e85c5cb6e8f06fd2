/* SPDX-License-Identifier: MIT */
/*
 * What a Kineto trace says about itself beside its events: GPUs, rank, versions, settings. It may
 * stand before or behind the events, so it is gathered and used at the end.
 *
 * Thread: one metadata belongs to one import.
 */
#ifndef TRACEDB_IMPORT_KINETO_METADATA_H
#define TRACEDB_IMPORT_KINETO_METADATA_H

#include "base/text.h"
#include "tracedb/json_stream.h"
#include "tracedb/tables.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	KINETO_GPUS_MAX = 256,
	KINETO_WORD_MAX = 256,	/* bytes kept of a name or version */
};

struct kineto_gpu {
	char name[KINETO_WORD_MAX];
	int64_t id, memory_bytes, compute_major, compute_minor, sm_count;
};

struct kineto_metadata {
	int64_t base_ns; /* Unix time of ts 0; 0 if not said: ts then counts from 1970 itself */
	int64_t rank, world_size;	/* -1 if not said */
	char host[KINETO_WORD_MAX];
	char nccl_version[KINETO_WORD_MAX];
	char driver_version[KINETO_WORD_MAX];	/* "13.0", as all of the next */
	char runtime_version[KINETO_WORD_MAX];
	char cupti_version[KINETO_WORD_MAX];
	char framework_version[KINETO_WORD_MAX];
	char schema_version[KINETO_WORD_MAX];
	struct text settings; /* "name=value" lines: record_shapes, with_stack, trace_id ... */
	struct kineto_gpu *gpus;
	int gpu_count;

	/* while reading */
	int section;			/* enum section of import_kineto_metadata.c */
	char key[KINETO_WORD_MAX];
};

bool kineto_metadata_open(struct kineto_metadata *metadata);	/* false: no memory */
void kineto_metadata_close(struct kineto_metadata *metadata);

/* One token of the top-level object that is not of the events. */
void kineto_metadata_take(struct kineto_metadata *metadata, const struct json_token *token);

/*
 * The properties of GPU `id`. Traces list all GPUs of the host, but sometimes under other numbers
 * than those the events use: where all GPUs are alike, any of them will do. NULL if nothing fits.
 */
const struct kineto_gpu *kineto_metadata_gpu(const struct kineto_metadata *metadata, int64_t id);

#endif
