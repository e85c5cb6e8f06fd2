/* SPDX-License-Identifier: MIT */
/* Events of the host become rows here; those of the GPU in import_kineto_gpu.c. */
#include "tracedb/import_kineto_rows.h"

#include "tracedb/json_number.h"
#include "tracedb/vocabulary.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What an event is, by its category; letter case differs between dialects. */
enum category {
	CATEGORY_KERNEL,
	CATEGORY_MEMCPY,
	CATEGORY_MEMSET,
	CATEGORY_API_RUNTIME,
	CATEGORY_API_DRIVER,
	CATEGORY_SYNC,
	CATEGORY_EVENT,
	CATEGORY_GPU_RANGE,
	CATEGORY_OVERHEAD,
	CATEGORY_RANGE,
};

static enum category category_of(const char *name)
{
	static const struct { const char *name; enum category category; } categories[] = {
		{ "kernel", CATEGORY_KERNEL }, { "cpu_op", CATEGORY_RANGE },
		{ "python_function", CATEGORY_RANGE }, { "user_annotation", CATEGORY_RANGE },
		{ "cuda_runtime", CATEGORY_API_RUNTIME }, { "cuda_driver", CATEGORY_API_DRIVER },
		{ "gpu_memcpy", CATEGORY_MEMCPY }, { "memcpy", CATEGORY_MEMCPY },
		{ "gpu_memset", CATEGORY_MEMSET }, { "memset", CATEGORY_MEMSET },
		{ "runtime", CATEGORY_API_RUNTIME }, { "driver", CATEGORY_API_DRIVER },
		{ "cuda_sync", CATEGORY_SYNC }, { "cuda_event", CATEGORY_EVENT },
		{ "gpu_user_annotation", CATEGORY_GPU_RANGE }, { "overhead", CATEGORY_OVERHEAD },
	};
	for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
		if (strcasecmp(categories[i].name, name) == 0)
			return categories[i].category;
	/* xpu_runtime, mtia_runtime, privateuse1_driver, ... */
	size_t length = strlen(name);
	if (length > 8 && strcasecmp(name + length - 8, "_runtime") == 0)
		return CATEGORY_API_RUNTIME;
	if (length > 7 && strcasecmp(name + length - 7, "_driver") == 0)
		return CATEGORY_API_DRIVER;
	return CATEGORY_RANGE;
}

bool kineto_row_name(const struct kineto_row *row, int64_t *name_id, struct error *error)
{
	return trace_writer_string(row->part->writer, event_text(row->event, FIELD_NAME),
				   event_text_length(row->event, FIELD_NAME), name_id, error);
}

/* The category as a string; it comes in long runs of the same. */
static bool row_domain(const struct kineto_row *row, int64_t *domain_id, struct error *error)
{
	struct kineto_part *part = row->part;
	const char *category = event_text(row->event, FIELD_CATEGORY);
	size_t length = event_text_length(row->event, FIELD_CATEGORY);
	if (part->category_id != 0 && strcmp(part->category, category) == 0) {
		*domain_id = part->category_id;
		return true;
	}
	if (!trace_writer_string(part->writer, category, length, domain_id, error))
		return false;
	if (length < sizeof part->category) {
		memcpy(part->category, category, length + 1);
		part->category_id = *domain_id;
	}
	return true;
}

/* The thread of a host event; 0 for tracks that are no threads ("PyTorch Profiler"). */
static bool row_thread(const struct kineto_row *row, int64_t *thread_id, struct error *error)
{
	*thread_id = 0;
	if (!event_has(row->event, FIELD_TID) || !event_has(row->event, FIELD_PID))
		return true;
	int64_t pid = event_number(row->event, FIELD_PID, -1);
	if (row->part->pid_of_ranges < 0)
		row->part->pid_of_ranges = pid;
	return kineto_part_thread(row->part, pid, event_number(row->event, FIELD_TID, 0), thread_id,
				  error);
}

static int64_t api_kind(enum category category, const char *name)
{
	/* The oldest dialect has one category for both. */
	if (strncmp(name, "cu", 2) == 0 && isupper((unsigned char)name[2]))
		return API_DRIVER;
	return category == CATEGORY_API_DRIVER ? API_DRIVER : API_RUNTIME;
}

static bool put_api_call(const struct kineto_row *row, enum category category, struct error *error)
{
	struct api_call_row call = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.api = api_kind(category, event_text(row->event, FIELD_NAME)),
		.correlation_id = event_number(row->event, FIELD_CORRELATION, 0),
	};
	if (row->part->pid < 0)
		row->part->pid = event_number(row->event, FIELD_PID, -1);
	return row_thread(row, &call.thread_id, error) &&
	       kineto_row_name(row, &call.name_id, error) &&
	       trace_put_api_call(row->part->writer, &call, error);
}

static bool put_range(const struct kineto_row *row, struct error *error)
{
	struct range_row range = { .start_ns = row->start_ns, .duration_ns = row->duration_ns,
				   .kind = RANGE_FRAMEWORK };
	if (!row_thread(row, &range.thread_id, error) ||
	    !row_domain(row, &range.domain_id, error) ||
	    !kineto_row_name(row, &range.name_id, error))
		return false;
	range.end_thread_id = range.thread_id;
	if (event_has(row->event, FIELD_COLLECTIVE)) {
		const struct kineto_witness witness = {
			.start_ns = row->start_ns, .duration_ns = row->duration_ns,
			.thread_id = range.thread_id, .device_id = -1,
		};
		if (!kineto_collectives_add(&row->part->collectives, row->part->writer, row->event,
					    &witness, error))
			return false;
	}
	return trace_put_range(row->part->writer, &range, error);
}

static bool put_overhead(const struct kineto_row *row, struct error *error)
{
	int64_t thread_id = event_number(row->event, FIELD_TID, 0);
	struct overhead_row overhead = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.thread_id = thread_id > 0 ? thread_id : 0,
		.correlation_id = event_number(row->event, FIELD_CORRELATION, 0),
	};
	return kineto_row_name(row, &overhead.name_id, error) &&
	       trace_put_overhead(row->part->writer, &overhead, error);
}

static bool put_allocation(const struct kineto_row *row, struct error *error)
{
	const struct kineto_event *event = row->event;
	int64_t bytes = event_number(event, FIELD_MEMORY_BYTES, 0);
	bool is_host = event_number(event, FIELD_MEMORY_DEVICE_TYPE, 0) == 0;
	struct allocation_row allocation = {
		.time_ns = row->start_ns,
		.operation = bytes < 0 ? 2 : 1,
		.device_id = is_host ? -1 : event_number(event, FIELD_MEMORY_DEVICE, -1),
		.memory = is_host ? MEMORY_HOST : MEMORY_DEVICE,
		.address = event_number(event, FIELD_MEMORY_ADDRESS, 0),
		.bytes = bytes == INT64_MIN ? INT64_MAX
			 : bytes < 0        ? -bytes
					    : bytes,
		.is_framework = 1,
		.total_bytes = event_number(event, FIELD_MEMORY_ALLOCATED, -1),
		.reserved_bytes = event_number(event, FIELD_MEMORY_RESERVED, -1),
	};
	return row_thread(row, &allocation.thread_id, error) &&
	       trace_put_allocation(row->part->writer, &allocation, error);
}

static bool put_mark(const struct kineto_row *row, struct error *error)
{
	struct mark_row mark = { .time_ns = row->start_ns };
	if (event_has(row->event, FIELD_MEMORY_BYTES) &&
	    strcmp(event_text(row->event, FIELD_NAME), "[memory]") == 0)
		return put_allocation(row, error);
	return row_thread(row, &mark.thread_id, error) && row_domain(row, &mark.domain_id, error) &&
	       kineto_row_name(row, &mark.name_id, error) &&
	       trace_put_mark(row->part->writer, &mark, error);
}

/* Counters of a GPU come from a process named "GPU 0 Counters". */
static bool put_counter(const struct kineto_row *row, struct error *error)
{
	const char *gpu = strstr(event_text(row->event, FIELD_PID), "GPU ");
	struct sample_row sample = { .time_ns = row->start_ns,
				     .device_id = event_number(row->event, FIELD_PID, -1),
				     .value = row->event->counter };
	if (!row->event->has_counter)
		return kineto_part_lose(row->part, "counter without a value", row->start_ns, error);
	if (gpu != NULL &&
	    !json_number_integer(gpu + 4, strspn(gpu + 4, "0123456789"), &sample.device_id))
		sample.device_id = -1;
	if (row->event->is_counter_cut &&
	    !trace_writer_loss(row->part->writer, "import", "fractions of counters are cut", 0,
			       row->start_ns, error))
		return false;
	return kineto_row_name(row, &sample.counter_id, error) &&
	       trace_put_sample(row->part->writer, &sample, error);
}

static bool put_names(struct kineto_part *part, const struct kineto_event *event,
		      struct error *error)
{
	const char *what = event_text(event, FIELD_NAME), *name = event_text(event, FIELD_ARG_NAME);
	if (!event_has(event, FIELD_PID) || name[0] == 0)
		return true;
	int64_t pid = event_number(event, FIELD_PID, -1);
	if (strcmp(what, "process_name") == 0)
		return kineto_part_name_process(part, pid, name, error);
	if (strcmp(what, "thread_name") == 0 && event_has(event, FIELD_TID))
		return kineto_part_name_thread(part, pid, event_number(event, FIELD_TID, 0), name,
					       error);
	return true;
}

static bool put_complete(const struct kineto_row *row, struct error *error)
{
	enum category category = category_of(event_text(row->event, FIELD_CATEGORY));
	switch (category) {
	case CATEGORY_KERNEL:
		return kineto_put_kernel(row, error);
	case CATEGORY_MEMCPY:
		return kineto_put_memcpy(row, error);
	case CATEGORY_MEMSET:
		return kineto_put_memset(row, error);
	case CATEGORY_SYNC:
		return kineto_put_synchronization(row, error);
	case CATEGORY_EVENT:
		return kineto_put_cuda_event(row, error);
	case CATEGORY_GPU_RANGE:
		return kineto_put_gpu_range(row, error);
	case CATEGORY_API_RUNTIME:
	case CATEGORY_API_DRIVER:
		return put_api_call(row, category, error);
	case CATEGORY_OVERHEAD:
		return put_overhead(row, error);
	case CATEGORY_RANGE:
		break;
	}
	return put_range(row, error);
}

/*
 * Why the time of this event cannot be true, or NULL. What is at time 0 and took no time was never
 * measured; nor was anything at time 0 where the others count from 1970.
 */
static const char *time_fault(const struct kineto_event *event, char phase)
{
	int64_t start = event_number(event, FIELD_START, 0);
	int64_t duration = event_number(event, FIELD_DURATION, 0);
	if (!event_has(event, FIELD_START))
		return "no time stamp";
	if (start > KINETO_SPAN_MAX_NS || start < -KINETO_SPAN_MAX_NS)
		return "time stamp out of range";
	if (phase != 'X')
		return NULL;
	if (!event_has(event, FIELD_DURATION))
		return "no duration";
	if (start == 0 && duration == 0)
		return "zero time stamp";
	if (duration < 0 || duration > KINETO_DURATION_MAX_NS)
		return "implausible duration";
	return NULL;
}

bool kineto_event_is_timed(const struct kineto_event *event)
{
	const char *phase = event_text(event, FIELD_PHASE);
	return phase[0] != 0 && phase[1] == 0 && strchr("XiIC", phase[0]) != NULL &&
	       time_fault(event, phase[0]) == NULL;
}

bool kineto_part_put(struct kineto_part *part, const struct kineto_event *event, int64_t epoch_ns,
		     struct error *error)
{
	struct kineto_row row = { .part = part, .event = event,
				  .duration_ns = event_number(event, FIELD_DURATION, 0) };
	const char *phase = event_text(event, FIELD_PHASE);
	if (phase[0] == 0 || phase[1] != 0)
		return kineto_part_lose(part, "event without a known phase", -1, error);
	if (phase[0] == 'M')
		return put_names(part, event, error);
	if (strchr("stf", phase[0]) != NULL)
		return true;	/* flows only repeat what correlations say */
	if (strchr("XiIC", phase[0]) == NULL)
		return kineto_part_lose(part, "event without a known phase", -1, error);
	const char *fault = time_fault(event, phase[0]);
	if (fault == NULL && event->numbers[FIELD_START] == 0 &&
	    epoch_ns >= KINETO_ABSOLUTE_FROM_NS)
		fault = "zero time stamp";
	if (fault != NULL)
		return kineto_part_lose(part, fault, -1, error);
	/* Neither is beyond 100 years, nor is the epoch: it was such a time stamp itself. */
	row.start_ns = event->numbers[FIELD_START] - epoch_ns;
	if (row.start_ns + row.duration_ns > part->end_ns)
		part->end_ns = row.start_ns + row.duration_ns;
	if (phase[0] == 'X')
		return put_complete(&row, error);
	return phase[0] == 'C' ? put_counter(&row, error) : put_mark(&row, error);
}
