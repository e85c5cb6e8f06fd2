/* SPDX-License-Identifier: MIT */
#include "libtrace/nvml_counters.h"
#include "libtrace/nvml_abi.h"
#include "libtrace/nvml_result.h"

#include <stdio.h>
#include <string.h>

const struct nvml_counter nvml_counters[NVML_COUNTER_COUNT] = {
	/* From Ampere on the plain call gives an average over the last second. */
	{ "power_mw", "nvmlDeviceGetFieldValues", NULL, NVML_SHAPE_FIELD, NVML_PACE_ROUND,
	  NVML_FIELD_POWER_NOW, NULL },
	{ "power_mw", "nvmlDeviceGetPowerUsage", NULL, NVML_SHAPE_NUMBER, NVML_PACE_ROUND, 0,
	  "power_mw is an average, of about a second on newer GPUs: "
	  "this one does not say its power at once" },
	{ "clock_sm_mhz", "nvmlDeviceGetClockInfo", NULL, NVML_SHAPE_SELECTED, NVML_PACE_ROUND,
	  NVML_CLOCK_SM, NULL },
	{ "clock_memory_mhz", "nvmlDeviceGetClockInfo", NULL, NVML_SHAPE_SELECTED, NVML_PACE_ROUND,
	  NVML_CLOCK_MEMORY, NULL },
	{ "clock_event_reasons", "nvmlDeviceGetCurrentClocksEventReasons",
	  "nvmlDeviceGetCurrentClocksThrottleReasons", NVML_SHAPE_WIDE, NVML_PACE_ROUND, 0, NULL },
	{ "pcie_generation", "nvmlDeviceGetCurrPcieLinkGeneration", NULL, NVML_SHAPE_NUMBER,
	  NVML_PACE_ROUND, 0, NULL },
	{ "pcie_width", "nvmlDeviceGetCurrPcieLinkWidth", NULL, NVML_SHAPE_NUMBER, NVML_PACE_ROUND,
	  0, NULL },
	{ "utilization_gpu_percent", "nvmlDeviceGetUtilizationRates", NULL, NVML_SHAPE_UTILIZATION,
	  NVML_PACE_ROUND, 0, NULL },
	{ "utilization_memory_percent", "nvmlDeviceGetUtilizationRates", NULL,
	  NVML_SHAPE_UTILIZATION, NVML_PACE_SECOND, 1, NULL },
	{ "power_limit_mw", "nvmlDeviceGetEnforcedPowerLimit", NULL, NVML_SHAPE_NUMBER,
	  NVML_PACE_SECOND, 0, NULL },
	{ "temperature_c", "nvmlDeviceGetTemperature", NULL, NVML_SHAPE_SELECTED, NVML_PACE_SECOND,
	  0, NULL },
	{ "pcie_replays", "nvmlDeviceGetPcieReplayCounter", NULL, NVML_SHAPE_NUMBER,
	  NVML_PACE_SECOND, 0, NULL },
	{ "memory_used_bytes", "nvmlDeviceGetMemoryInfo", NULL, NVML_SHAPE_MEMORY, NVML_PACE_SECOND,
	  0, NULL },
	{ "pcie_tx_kb_per_s", "nvmlDeviceGetPcieThroughput", NULL, NVML_SHAPE_SELECTED,
	  NVML_PACE_TURN, 0, NULL },
	{ "pcie_rx_kb_per_s", "nvmlDeviceGetPcieThroughput", NULL, NVML_SHAPE_SELECTED,
	  NVML_PACE_TURN, 1, NULL },
};

void nvml_refusal_note(struct drain *drain, const char *function, int result, int64_t count)
{
	char reason[192];
	if (result == NVML_NOT_SUPPORTED || result == NVML_FUNCTION_NOT_FOUND)
		(void)snprintf(reason, sizeof reason, "not supported: %s", function);
	else
		(void)snprintf(reason, sizeof reason, "failed: %s: %s (%d)", function,
			       nvml_result_text(result), result);
	drain_loss(drain, "nvml", reason, count);
}

static int number_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_number get;
	unsigned number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, &number);
	*value = number;
	return result;
}

static int selected_ask(void *function, struct nvml_device *device, int selector, int64_t *value)
{
	nvml_device_clock get;	/* sensors and directions are asked the same way */
	unsigned number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, selector, &number);
	*value = number;
	return result;
}

static int wide_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_wide get;
	unsigned long long number = 0;
	memcpy(&get, &function, sizeof get);
	int result = get(device, &number);
	*value = (int64_t)number;
	return result;
}

static int memory_ask(void *function, struct nvml_device *device, int64_t *value)
{
	nvml_device_memory get;
	struct nvml_memory memory = { 0 };
	memcpy(&get, &function, sizeof get);
	int result = get(device, &memory);
	*value = (int64_t)memory.used;
	return result;
}

static int utilization_ask(void *function, struct nvml_device *device, int member, int64_t *value)
{
	nvml_device_utilization get;
	struct nvml_utilization rates = { 0 };
	memcpy(&get, &function, sizeof get);
	int result = get(device, &rates);
	*value = member == 0 ? rates.gpu : rates.memory;
	return result;
}

/* The value of a field as its type says; fractions are cut off. */
static bool field_number(const struct nvml_field *field, int64_t *value)
{
	double fraction;
	unsigned number;
	switch (field->type) {
	case NVML_FIELD_DOUBLE:
		memcpy(&fraction, &field->value, sizeof fraction);
		if (!(fraction >= 0 && fraction < 1e15))
			return false;
		*value = (int64_t)fraction;
		return true;
	case NVML_FIELD_UNSIGNED:
		memcpy(&number, &field->value, sizeof number);
		*value = number;
		return true;
	case NVML_FIELD_UNSIGNED_LONG:
	case NVML_FIELD_UNSIGNED_LONG_LONG:
		*value = (int64_t)field->value;
		return *value >= 0;
	default:
		return false;
	}
}

static int field_ask(void *function, struct nvml_device *device, int id, int64_t *value)
{
	nvml_device_fields get;
	struct nvml_field field = { .id = (uint32_t)id };
	memcpy(&get, &function, sizeof get);
	int result = get(device, 1, &field);
	if (result == NVML_OK)
		result = (int)field.result;
	if (result == NVML_OK && !field_number(&field, value))
		result = NVML_NOT_SUPPORTED;
	return result;
}

int nvml_counter_ask(const struct nvml_counter *counter, void *function, struct nvml_device *device,
		       int64_t *value)
{
	if (function == NULL)
		return NVML_FUNCTION_NOT_FOUND;
	switch (counter->shape) {
	case NVML_SHAPE_NUMBER:
		return number_ask(function, device, value);
	case NVML_SHAPE_SELECTED:
		return selected_ask(function, device, counter->selector, value);
	case NVML_SHAPE_WIDE:
		return wide_ask(function, device, value);
	case NVML_SHAPE_MEMORY:
		return memory_ask(function, device, value);
	case NVML_SHAPE_FIELD:
		return field_ask(function, device, counter->selector, value);
	case NVML_SHAPE_UTILIZATION:
		return utilization_ask(function, device, counter->selector, value);
	}
	return NVML_FUNCTION_NOT_FOUND;
}

bool nvml_result_is_final(int result)
{
	return result == NVML_NOT_SUPPORTED || result == NVML_FUNCTION_NOT_FOUND ||
		result == NVML_NO_PERMISSION || result == NVML_GPU_IS_LOST ||
		result == NVML_UNINITIALIZED;
}
