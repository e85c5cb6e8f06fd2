/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_metadata.h"

#include "tracedb/json_number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_BYTES_MAX = 16 * 1024 };

enum section { SECTION_TOP, SECTION_GPUS, SECTION_DISTRIBUTED };

bool kineto_metadata_open(struct kineto_metadata *metadata)
{
	*metadata = (struct kineto_metadata){ .rank = -1, .world_size = -1 };
	text_begin(&metadata->settings, SETTINGS_BYTES_MAX);
	metadata->gpus = calloc(KINETO_GPUS_MAX, sizeof *metadata->gpus);
	return metadata->gpus != NULL;
}

void kineto_metadata_close(struct kineto_metadata *metadata)
{
	text_end(&metadata->settings);
	free(metadata->gpus);
	metadata->gpus = NULL;
}

static void word_set(char *word, const char *bytes, size_t length)
{
	if (length >= KINETO_WORD_MAX)
		length = KINETO_WORD_MAX - 1;
	if (length > 0)
		memcpy(word, bytes, length);
	word[length] = 0;
}

static bool is_key(const struct kineto_metadata *metadata, const char *key)
{
	return strcmp(metadata->key, key) == 0;
}

/* 12090 -> "12.9"; a text with a point is kept. */
static void version_set(char *word, const struct json_token *token)
{
	int64_t number = 0;
	if (token->kind == JSON_NUMBER &&
	    json_number_integer(token->bytes, token->length, &number) && number >= 1000 &&
	    number < 1000000)
		(void)snprintf(word, KINETO_WORD_MAX, "%lld.%lld", (long long)number / 1000,
			       (long long)number % 1000 / 10);
	else
		word_set(word, token->bytes, token->length);
}

static void add_setting(struct kineto_metadata *metadata, const struct json_token *token)
{
	static const char *const names[] = {
		"record_shapes", "with_stack", "with_modules", "with_flops", "profile_memory",
		"displayTimeUnit", "trace_id", "traceName", "PT_PROFILER_JOB_NAME",
		"PT_PROFILER_JOB_VERSION", "PT_PROFILER_JOB_ATTEMPT_INDEX",
	};
	size_t i = 0;
	while (i < sizeof names / sizeof names[0] && !is_key(metadata, names[i]))
		i++;
	if (i == sizeof names / sizeof names[0])
		return;
	struct text *settings = &metadata->settings;
	text_add(settings, names[i]);
	text_add_char(settings, '=');
	for (size_t at = 0; at < token->length && at < KINETO_WORD_MAX; at++) {
		unsigned char c = (unsigned char)token->bytes[at];
		text_add_char(settings, c < 0x20 ? ' ' : (char)c);
	}
	text_add_char(settings, '\n');
}

static void take_rank(struct kineto_metadata *metadata, const struct json_token *token)
{
	int64_t number;
	if (!json_number_integer(token->bytes, token->length, &number) || number < 0)
		return;
	if (is_key(metadata, "rank"))
		metadata->rank = number;
	else if (is_key(metadata, "world_size"))
		metadata->world_size = number;
}

static void take_top(struct kineto_metadata *metadata, const struct json_token *token)
{
	if (is_key(metadata, "baseTimeNanoseconds")) {
		int64_t base_ns;
		if (json_number_scale(token->bytes, token->length, 0, &base_ns))
			metadata->base_ns = base_ns;
	} else if (is_key(metadata, "host_name") || is_key(metadata, "hostname")) {
		word_set(metadata->host, token->bytes, token->length);
	} else if (is_key(metadata, "cuda_driver_version") ||
		   is_key(metadata, "hip_driver_version")) {
		version_set(metadata->driver_version, token);
	} else if (is_key(metadata, "cuda_runtime_version") ||
		   is_key(metadata, "hip_runtime_version")) {
		version_set(metadata->runtime_version, token);
	} else if (is_key(metadata, "cupti_version")) {
		word_set(metadata->cupti_version, token->bytes, token->length);
	} else if (is_key(metadata, "nccl_version")) {
		word_set(metadata->nccl_version, token->bytes, token->length);
	} else if (is_key(metadata, "pytorch_version") || is_key(metadata, "torch_version")) {
		word_set(metadata->framework_version, token->bytes, token->length);
	} else if (is_key(metadata, "schemaVersion")) {
		word_set(metadata->schema_version, token->bytes, token->length);
	} else {
		take_rank(metadata, token);
		add_setting(metadata, token);
	}
}

static void take_distributed(struct kineto_metadata *metadata, const struct json_token *token)
{
	if (!is_key(metadata, "nccl_version"))
		take_rank(metadata, token);
	else if (token->length != 7 || memcmp(token->bytes, "unknown", 7) != 0)
		word_set(metadata->nccl_version, token->bytes, token->length);
}

static void take_gpu(struct kineto_metadata *metadata, const struct json_token *token)
{
	static const struct { const char *key; size_t offset; } members[] = {
		{ "id", offsetof(struct kineto_gpu, id) },
		{ "totalGlobalMem", offsetof(struct kineto_gpu, memory_bytes) },
		{ "computeMajor", offsetof(struct kineto_gpu, compute_major) },
		{ "computeMinor", offsetof(struct kineto_gpu, compute_minor) },
		{ "numSms", offsetof(struct kineto_gpu, sm_count) },
	};
	struct kineto_gpu *gpu = &metadata->gpus[metadata->gpu_count];
	if (is_key(metadata, "name"))
		word_set(gpu->name, token->bytes, token->length);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		int64_t number;
		if (is_key(metadata, members[i].key) &&
		    json_number_integer(token->bytes, token->length, &number))
			memcpy((char *)gpu + members[i].offset, &number, sizeof number);
	}
}

static void take_key(struct kineto_metadata *metadata, const struct json_token *token)
{
	word_set(metadata->key, token->bytes, token->length);
	if (token->depth == 1)
		metadata->section = is_key(metadata, "deviceProperties") ? SECTION_GPUS :
			is_key(metadata, "distributedInfo") ? SECTION_DISTRIBUTED : SECTION_TOP;
}

static void take_scalar(struct kineto_metadata *metadata, const struct json_token *token)
{
	if (token->depth == 1 && metadata->section == SECTION_TOP)
		take_top(metadata, token);
	else if (token->depth == 2 && metadata->section == SECTION_DISTRIBUTED)
		take_distributed(metadata, token);
	else if (token->depth == 3 && metadata->section == SECTION_GPUS &&
		 metadata->gpu_count < KINETO_GPUS_MAX)
		take_gpu(metadata, token);
}

void kineto_metadata_take(struct kineto_metadata *metadata, const struct json_token *token)
{
	switch (token->kind) {
	case JSON_KEY:
		if (token->depth <= 3)
			take_key(metadata, token);
		break;
	case JSON_NUMBER:
	case JSON_STRING:
		take_scalar(metadata, token);
		break;
	case JSON_OBJECT_BEGIN:
		if (metadata->section == SECTION_GPUS && token->depth == 2 &&
		    metadata->gpu_count < KINETO_GPUS_MAX)
			metadata->gpus[metadata->gpu_count] = (struct kineto_gpu){ .id = -1 };
		break;
	case JSON_OBJECT_END:
		if (metadata->section == SECTION_GPUS && token->depth == 2 &&
		    metadata->gpu_count < KINETO_GPUS_MAX)
			metadata->gpu_count++;
		break;
	case JSON_ARRAY_BEGIN:
	case JSON_ARRAY_END:
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	}
}

static bool is_same_model(const struct kineto_gpu *a, const struct kineto_gpu *b)
{
	return strcmp(a->name, b->name) == 0 && a->memory_bytes == b->memory_bytes;
}

const struct kineto_gpu *kineto_metadata_gpu(const struct kineto_metadata *metadata, int64_t id)
{
	const struct kineto_gpu *gpus = metadata->gpus;
	for (int i = 0; i < metadata->gpu_count; i++)
		if (gpus[i].id == id)
			return &gpus[i];
	for (int i = 1; i < metadata->gpu_count; i++)
		if (!is_same_model(&gpus[0], &gpus[i]))
			return NULL;
	return metadata->gpu_count > 0 ? &gpus[0] : NULL;
}
