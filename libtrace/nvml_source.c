/* SPDX-License-Identifier: MIT */
#include "libtrace/nvml_source.h"
#include "libtrace/drain_source.h"
#include "libtrace/nvml_abi.h"
#include "libtrace/nvml_counters.h"
#include "libtrace/nvml_result.h"
#include "libtrace/nvml_sampler.h"
#include "libtrace/settings.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DEVICES_MAX = 256, TEXT_BYTES = 96 };

/* Facts that one call gives as one number. */
static const struct number_fact {
	const char *function;
	size_t offset;		/* of the int64_t in the device row */
} number_facts[] = {
	{ "nvmlDeviceGetCurrPcieLinkGeneration", offsetof(struct device_row, pcie_generation) },
	{ "nvmlDeviceGetCurrPcieLinkWidth", offsetof(struct device_row, pcie_width) },
	{ "nvmlDeviceGetMaxPcieLinkGeneration", offsetof(struct device_row, pcie_generation_max) },
	{ "nvmlDeviceGetMaxPcieLinkWidth", offsetof(struct device_row, pcie_width_max) },
	{ "nvmlDeviceGetEnforcedPowerLimit", offsetof(struct device_row, power_limit_mw) },
	{ "nvmlDeviceGetPcieReplayCounter", offsetof(struct device_row, pcie_replays) },
};

/* The library is the process's; it is never given back, for exit may come at any time. */
static struct {
	bool is_tried;
	void *library;		/* NULL: not there, or not usable */
	bool is_asked[DEVICES_MAX];
	const struct settings *settings;
	size_t devices_asked;
} nvml;

static bool symbol_find(void *function, size_t size, const char *name)
{
	void *symbol = nvml.library == NULL ? NULL : dlsym(nvml.library, name);
	memcpy(function, &symbol, size);
	return symbol != NULL;
}

#define SYMBOL(function, name) symbol_find(&(function), sizeof(function), name)

static int library_init(void)
{
	nvml_init_with_flags with_flags;
	nvml_init plain;
	if (SYMBOL(with_flags, "nvmlInitWithFlags"))
		return with_flags(NVML_INIT_NO_GPUS_IS_FINE);
	if (SYMBOL(plain, "nvmlInit_v2"))
		return plain();
	return NVML_FUNCTION_NOT_FOUND;
}

static void library_open(struct drain *drain)
{
	char reason[TEXT_BYTES];
	nvml.is_tried = true;
	nvml.library = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (nvml.library == NULL) {
		drain_loss(drain, "nvml", "disabled: libnvidia-ml.so.1 is not there", 0);
		return;
	}
	int result = library_init();
	if (result == NVML_OK)
		return;
	(void)snprintf(reason, sizeof reason, "disabled: NVML does not start: %s (%d)",
		       nvml_result_text(result), result);
	drain_loss(drain, "nvml", reason, 0);
	nvml.library = NULL;	/* stays mapped: unloading a driver library is asking for trouble */
}

static void driver_note(struct drain *drain)
{
	struct trace_row *trace = drain_trace_row(drain);
	nvml_system_text get;
	char version[TEXT_BYTES] = "";
	if (trace->driver_version != NULL && trace->driver_version[0] != 0)
		return;
	if (SYMBOL(get, "nvmlSystemGetDriverVersion") && get(version, sizeof version) == NVML_OK)
		trace->driver_version = drain_keep_text(drain, version);
}

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == 0;
}

static struct nvml_device *device_find(const struct device_row *row)
{
	struct nvml_device *device = NULL;
	nvml_device_find by_pci, by_uuid;
	if (!is_empty(row->pci_bus_id) && SYMBOL(by_pci, "nvmlDeviceGetHandleByPciBusId_v2") &&
	    by_pci(row->pci_bus_id, &device) == NVML_OK)
		return device;
	device = NULL;
	if (!is_empty(row->uuid) && SYMBOL(by_uuid, "nvmlDeviceGetHandleByUUID") &&
	    by_uuid(row->uuid, &device) == NVML_OK)
		return device;
	return NULL;
}

static void numbers_ask(struct drain *drain, struct nvml_device *device, struct device_row *row)
{
	for (size_t i = 0; i < sizeof number_facts / sizeof number_facts[0]; i++) {
		nvml_device_number get;
		unsigned value = 0;
		int result = NVML_FUNCTION_NOT_FOUND;
		if (SYMBOL(get, number_facts[i].function))
			result = get(device, &value);
		int64_t known = value;
		if (result == NVML_OK)
			memcpy((char *)row + number_facts[i].offset, &known, sizeof known);
		else
			nvml_refusal_note(drain, number_facts[i].function, result, 0);
	}
}

static void clock_ask(struct drain *drain, struct nvml_device *device, struct device_row *row)
{
	nvml_device_clock get;
	unsigned mhz = 0;
	int result = NVML_FUNCTION_NOT_FOUND;
	if (SYMBOL(get, "nvmlDeviceGetMaxClockInfo"))
		result = get(device, NVML_CLOCK_SM, &mhz);
	if (result == NVML_OK)
		row->clock_sm_max_mhz = mhz;
	else
		nvml_refusal_note(drain, "nvmlDeviceGetMaxClockInfo", result, 0);
}

/* What CUPTI has said already stays. */
static void identity_ask(struct drain *drain, struct nvml_device *device, struct device_row *row)
{
	nvml_device_pci get_pci;
	nvml_device_text get_text;
	nvml_device_memory get_memory;
	struct nvml_pci pci = { 0 };
	struct nvml_memory memory = { 0 };
	char text[TEXT_BYTES] = "";
	int result = NVML_FUNCTION_NOT_FOUND;
	if (SYMBOL(get_pci, "nvmlDeviceGetPciInfo_v3"))
		result = get_pci(device, &pci);
	pci.bus_id[sizeof pci.bus_id - 1] = 0;
	if (result == NVML_OK)
		row->pci_bus_id = drain_keep_text(drain, pci.bus_id);
	else
		nvml_refusal_note(drain, "nvmlDeviceGetPciInfo_v3", result, 0);
	if (is_empty(row->uuid) && SYMBOL(get_text, "nvmlDeviceGetUUID") &&
	    get_text(device, text, sizeof text) == NVML_OK)
		row->uuid = drain_keep_text(drain, text);
	if (is_empty(row->name) && SYMBOL(get_text, "nvmlDeviceGetName") &&
	    get_text(device, text, sizeof text) == NVML_OK)
		row->name = drain_keep_text(drain, text);
	if (row->memory_bytes == 0 && SYMBOL(get_memory, "nvmlDeviceGetMemoryInfo") &&
	    get_memory(device, &memory) == NVML_OK)
		row->memory_bytes = (int64_t)memory.total;
}

/* An instance of a divided GPU has the PCI id of the whole: so have the samples. */
static void mig_note(struct drain *drain, struct nvml_device *device,
		     const struct device_row *row)
{
	char reason[TEXT_BYTES];
	nvml_device_mode get;
	unsigned now = 0, pending = 0;
	if (!SYMBOL(get, "nvmlDeviceGetMigMode") || get(device, &now, &pending) != NVML_OK ||
	    now == 0)
		return;
	(void)snprintf(reason, sizeof reason,
		       "device %d: MIG is on, power, clocks and link are those of the whole GPU",
		       (int)row->device_id);
	drain_loss(drain, "nvml", reason, 0);
}

static void device_ask(struct drain *drain, struct device_row *row,
		       const struct nvml_pacing *pacing)
{
	char reason[TEXT_BYTES];
	struct nvml_device *device = device_find(row);
	if (device == NULL) {
		(void)snprintf(reason, sizeof reason, "device %d not found by NVML",
			       (int)row->device_id);
		drain_loss(drain, "nvml", reason, 0);
		return;
	}
	numbers_ask(drain, device, row);
	clock_ask(drain, device, row);
	identity_ask(drain, device, row);
	mig_note(drain, device, row);
	if (pacing->interval_ms > 0)
		nvml_sampler_add(drain, nvml.library, row->device_id, device, pacing);
}

void nvml_source_start(struct drain *drain, const struct nvml_pacing *pacing)
{
	if (!nvml.is_tried)
		library_open(drain);
	if (nvml.library == NULL)
		return;
	driver_note(drain);
	for (size_t i = 0; i < drain_device_count(drain); i++) {
		struct device_row *row = drain_device_at(drain, i);
		bool is_ours = row->device_id >= 0 && row->device_id < DEVICES_MAX;
		if (!is_ours || nvml.is_asked[row->device_id])
			continue;
		nvml.is_asked[row->device_id] = true;
		device_ask(drain, row, pacing);
	}
}

static void nvml_begin(struct drain *drain, const struct drain_plan *plan)
{
	const struct settings *settings = nvml.settings = plan->settings;
	if (!settings->nvml)
		drain_loss(drain, "nvml", "disabled: LAGGARD_NVML=off", 0);
	else if (settings->nvml_interval_ms == 0)
		drain_loss(drain, "nvml", "disabled: LAGGARD_NVML_INTERVAL_MS=0", 0);
	else if (settings->nvml_pcie_ms == 0)
		drain_loss(drain, "nvml", "disabled: LAGGARD_NVML_PCIE_MS=0, PCIe throughput", 0);
}

static void nvml_pass(struct drain *drain, const struct drain_pass *pass)
{
	size_t count = drain_device_count(drain);
	(void)pass;
	if (count != nvml.devices_asked && nvml.settings->nvml) {
		const struct nvml_pacing pacing = {
			.interval_ms = nvml.settings->nvml_interval_ms,
			.throughput_ms = nvml.settings->nvml_pcie_ms,
		};
		nvml.devices_asked = count;
		nvml_source_start(drain, &pacing);
	}
	nvml_sampler_take(drain);
}

static void nvml_finish(struct drain *drain, int64_t stop_ns)
{
	(void)stop_ns;
	nvml_sampler_finish(drain);
}

const struct drain_source drain_source_nvml = {
	.name = "nvml", .begin = nvml_begin, .pass = nvml_pass, .finish = nvml_finish,
};
