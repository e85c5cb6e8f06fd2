/* SPDX-License-Identifier: MIT */
#include "analyzer/metric_versions.h"

#include <stdint.h>
#include <string.h>

static const struct { size_t offset; const char *name; } fields[VERSION_FIELD_COUNT] = {
	[VERSION_DRIVER] = { offsetof(struct trace_row, driver_version), "driver" },
	[VERSION_CUDA_DRIVER] = { offsetof(struct trace_row, cuda_driver_version), "CUDA driver" },
	[VERSION_CUDA_RUNTIME] = { offsetof(struct trace_row, cuda_runtime_version),
				   "CUDA runtime" },
	[VERSION_CUPTI] = { offsetof(struct trace_row, cupti_version), "CUPTI" },
	[VERSION_NCCL] = { offsetof(struct trace_row, nccl_version), "NCCL" },
	[VERSION_CUDNN] = { offsetof(struct trace_row, cudnn_version), "cuDNN" },
	[VERSION_FRAMEWORK] = { offsetof(struct trace_row, framework), "framework" },
};

/* From `low` on, below `high`, with a GPU whose name contains `gpu`. */
static const struct known {
	enum known_problem problem;
	enum version_field field;
	const char *before;		/* what the text must begin with */
	const char *low, *high;
	const char *gpu;		/* NULL: any */
} knowns[] = {
	/*
	 * github.com/NVIDIA/nccl-tests issue 117: 525 drivers say that RTX 4090s reach each other's
	 * memory; copies are corrupted and NCCL hangs. NCCL_P2P_DISABLE=1 or a newer driver.
	 */
	{ PROBLEM_DRIVER_P2P, VERSION_DRIVER, "", "525", "526", "RTX 4090" },
	/*
	 * github.com/NVIDIA/nccl-tests issues 287 and 291, github.com/NVIDIA/nccl issue 1637: up to
	 * 2.25 NCCL asks for more shared memory than an RTX 5090 has; 2.26.2 works.
	 */
	{ PROBLEM_NCCL_BLACKWELL, VERSION_NCCL, "", "2", "2.26.2", "RTX 5090" },
	/*
	 * github.com/pytorch/pytorch issue 166122: 2.9.0 does 3D convolutions without cuDNN, four
	 * times slower and with more memory; 2.9.1 uses cuDNN again from 9.15 on.
	 */
	{ PROBLEM_SLOW_CONV3D, VERSION_FRAMEWORK, "PyTorch ", "2.9.0", "2.9.1", NULL },
};

const char *version_field_name(enum version_field field)
{
	return (unsigned)field < VERSION_FIELD_COUNT ? fields[field].name : "";
}

struct version_text version_of(const struct trace_row *trace, enum version_field field)
{
	const char *text = NULL;
	memcpy(&text, (const char *)trace + fields[field].offset, sizeof text);
	if (text == NULL)
		text = "";
	const char *path = field == VERSION_CUPTI ? strstr(text, " (") : NULL;
	return (struct version_text){ text, path == NULL ? strlen(text) : (size_t)(path - text) };
}

static bool text_is_equal(struct version_text a, struct version_text b)
{
	return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

bool environment_find(const char *environment, const char *name, struct version_text *value)
{
	size_t length = strlen(name);
	for (const char *at = environment; at != NULL && *at != 0;) {
		size_t line = strcspn(at, "\n");
		if (line > length && at[length] == '=' && memcmp(at, name, length) == 0) {
			*value = (struct version_text){ at + length + 1, line - length - 1 };
			return true;
		}
		at += line + (at[line] == '\n');
	}
	return false;
}

static bool is_environment_told(const struct trace_row *trace)
{
	return trace->source != NULL && strcmp(trace->source, "libtrace") == 0;
}

/* libtrace's list is shorter; a stranger's is not read to its end. */
enum { VARIABLES_MAX = 64, VARIABLE_NAME_MAX = 64 };

struct comparison {
	const struct trace_row *const *traces;
	size_t count;
	struct version_mismatch *found;
	size_t room;
	size_t found_count;
	struct version_text seen[VARIABLES_MAX];	/* variables that were compared */
	size_t seen_count;
};

static void mismatch_note(struct comparison *comparison, const struct version_mismatch *mismatch)
{
	if (mismatch->differing > 0 && comparison->found_count < comparison->room)
		comparison->found[comparison->found_count++] = *mismatch;
}

static void field_compare(struct comparison *comparison, enum version_field field)
{
	struct version_mismatch mismatch = { .field = field, .first = SIZE_MAX };
	struct version_text first = { "", 0 };
	for (size_t i = 0; i < comparison->count; i++) {
		struct version_text text = version_of(comparison->traces[i], field);
		if (text.length == 0)
			continue;
		if (mismatch.first == SIZE_MAX) {
			mismatch.first = i;
			first = text;
		} else if (!text_is_equal(text, first) && mismatch.differing++ == 0) {
			mismatch.other = i;
		}
	}
	mismatch_note(comparison, &mismatch);
}

/* False: compared before, or one too many. */
static bool variable_is_new(struct comparison *comparison, struct version_text name)
{
	for (size_t i = 0; i < comparison->seen_count; i++)
		if (text_is_equal(comparison->seen[i], name))
			return false;
	if (comparison->seen_count == VARIABLES_MAX)
		return false;
	comparison->seen[comparison->seen_count++] = name;
	return true;
}

/* `name` is set in the environment of `first` or of a later trace. */
static void variable_compare(struct comparison *comparison, size_t first, struct version_text name)
{
	char terminated[VARIABLE_NAME_MAX];
	struct version_mismatch mismatch = {
		.field = VERSION_FIELD_COUNT,
		.variable = name.text,
		.variable_length = name.length,
		.first = first,
	};
	if (name.length >= sizeof terminated || !variable_is_new(comparison, name))
		return;
	memcpy(terminated, name.text, name.length);
	terminated[name.length] = 0;
	if (strcmp(terminated, "CUDA_VISIBLE_DEVICES") == 0)
		return;
	struct version_text known = { "", 0 }, value = { "", 0 };
	bool is_known = environment_find(comparison->traces[first]->environment, terminated,
					 &known);
	for (size_t i = first + 1; i < comparison->count; i++) {
		if (!is_environment_told(comparison->traces[i]))
			continue;
		bool is_set = environment_find(comparison->traces[i]->environment, terminated,
					       &value);
		if ((is_set != is_known || (is_set && !text_is_equal(value, known))) &&
		    mismatch.differing++ == 0)
			mismatch.other = i;
	}
	mismatch_note(comparison, &mismatch);
}

static void variables_compare(struct comparison *comparison)
{
	size_t first = 0;
	const char *before = NULL;
	while (first < comparison->count && !is_environment_told(comparison->traces[first]))
		first++;
	for (size_t i = first; i < comparison->count; i++) {
		const char *at = comparison->traces[i]->environment;
		/* Equal environments in a row, the common case, are gone through once. */
		if (!is_environment_told(comparison->traces[i]) || at == NULL ||
		    (before != NULL && strcmp(at, before) == 0))
			continue;
		before = at;
		while (*at != 0) {
			size_t line = strcspn(at, "\n"), length = strcspn(at, "=\n");
			if (length < line)
				variable_compare(comparison, first,
						 (struct version_text){ at, length });
			at += line + (at[line] == '\n');
		}
	}
}

size_t versions_compare(const struct trace_row *const *traces, size_t count,
			struct version_mismatch *mismatches, size_t room)
{
	struct comparison comparison = {
		.traces = traces, .count = count, .found = mismatches, .room = room,
	};
	for (int field = 0; field < VERSION_FIELD_COUNT; field++)
		field_compare(&comparison, (enum version_field)field);
	variables_compare(&comparison);
	return comparison.found_count;
}

static bool is_on(const char *environment, const char *name)
{
	struct version_text value;
	return environment_find(environment, name, &value) && value.length > 0 &&
		!(value.length == 1 && value.text[0] == '0');
}

struct environment_facts environment_facts_of(const struct trace_row *trace)
{
	const char *environment = trace->environment;
	struct version_text value;
	return (struct environment_facts){
		.is_launch_blocking = is_on(environment, "CUDA_LAUNCH_BLOCKING"),
		.is_p2p_disabled = is_on(environment, "NCCL_P2P_DISABLE"),
		.is_shm_disabled = is_on(environment, "NCCL_SHM_DISABLE"),
		.is_ib_disabled = is_on(environment, "NCCL_IB_DISABLE"),
		.is_cache_disabled = is_on(environment, "PYTORCH_NO_CUDA_MEMORY_CACHING"),
		.is_connection_single =
			environment_find(environment, "CUDA_DEVICE_MAX_CONNECTIONS", &value) &&
			value.length == 1 && value.text[0] == '1',
	};
}

/* <0, 0, >0 as the numbers between the dots of `a` are before, like or after those of `b`. */
static int version_compare(const char *a, const char *b)
{
	for (int part = 0; part < 4; part++) {
		int64_t numbers[2] = { 0, 0 };
		const char **texts[2] = { &a, &b };
		for (int i = 0; i < 2; i++) {
			const char *at = *texts[i];
			for (; *at >= '0' && *at <= '9'; at++)
				if (numbers[i] < INT32_MAX)
					numbers[i] = numbers[i] * 10 + (*at - '0');
			*texts[i] = at + (*at == '.');
		}
		if (numbers[0] != numbers[1])
			return numbers[0] < numbers[1] ? -1 : 1;
	}
	return 0;
}

static bool is_gpu_among(const char *gpu, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] != NULL && strstr(names[i], gpu) != NULL)
			return true;
	return false;
}

unsigned known_problems_of(const struct trace_row *trace, const char *const *gpu_names,
			   size_t gpu_count)
{
	unsigned problems = 0;
	for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++) {
		const struct known *known = &knowns[i];
		const char *text = version_of(trace, known->field).text;
		size_t before = strlen(known->before);
		if (strncmp(text, known->before, before) != 0)
			continue;
		text += before;
		if (*text < '0' || *text > '9' || version_compare(text, known->low) < 0 ||
		    version_compare(text, known->high) >= 0)
			continue;
		if (known->gpu == NULL || is_gpu_among(known->gpu, gpu_names, gpu_count))
			problems |= 1U << known->problem;
	}
	return problems;
}
