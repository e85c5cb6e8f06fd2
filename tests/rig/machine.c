/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

static const struct {
	const char *key;
	size_t offset;
} numbers[] = {
#define NUMBER(name) { #name, offsetof(struct rig_gpu, name) }
	NUMBER(sm_count), NUMBER(memory_bytes), NUMBER(copy_engines), NUMBER(major), NUMBER(minor),
	NUMBER(pcie_gen), NUMBER(pcie_width), NUMBER(pcie_gen_max), NUMBER(pcie_width_max),
	NUMBER(pcie_rx_kb), NUMBER(pcie_tx_kb), NUMBER(replays), NUMBER(power_mw),
	NUMBER(power_limit_mw), NUMBER(energy_mj), NUMBER(temperature), NUMBER(performance_state),
	NUMBER(sm_mhz), NUMBER(memory_mhz), NUMBER(sm_mhz_max), NUMBER(memory_mhz_max),
	NUMBER(reasons), NUMBER(memory_used), NUMBER(utilization_gpu), NUMBER(utilization_memory),
	NUMBER(lost), NUMBER(stuck), NUMBER(unsupported), NUMBER(forbidden), NUMBER(slow_ms),
	NUMBER(mig),
#undef NUMBER
};

static void uuid_parse(struct rig_gpu *gpu)
{
	int digits = 0;

	memset(gpu->uuid_bytes, 0, sizeof(gpu->uuid_bytes));
	for (const char *at = gpu->uuid + (strncmp(gpu->uuid, "GPU-", 4) ? 0 : 4);
	     *at && digits < 32; at++) {
		unsigned value = 0;

		if (*at == '-')
			continue;
		if (sscanf((char[]){ *at, '\0' }, "%1x", &value) != 1)
			continue;
		uint8_t *byte = &gpu->uuid_bytes[digits / 2];

		*byte = (uint8_t)(digits % 2 ? *byte | value : value << 4);
		digits++;
	}
}

void rig_machine_default(struct rig_machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine->gpu_count = 4;
	snprintf(machine->driver_version, sizeof(machine->driver_version), "580.65.06");
	for (int i = 0; i < RIG_GPUS_MAX; i++) {
		struct rig_gpu *gpu = &machine->gpus[i];

		*gpu = (struct rig_gpu){
			.sm_count = 128, .memory_bytes = 25393692672, .copy_engines = 2,
			.major = 8, .minor = 9, .pcie_gen = 4, .pcie_width = 16,
			.pcie_gen_max = 4, .pcie_width_max = 16, .pcie_rx_kb = 812000,
			.pcie_tx_kb = 401000, .power_mw = 301250, .power_limit_mw = 450000,
			.energy_mj = 123456789, .temperature = 61, .performance_state = 2,
			.sm_mhz = 2520, .memory_mhz = 10251, .sm_mhz_max = 3105,
			.memory_mhz_max = 10501, .memory_used = 9663676416,
			.utilization_gpu = 93, .utilization_memory = 41,
		};
		snprintf(gpu->name, sizeof(gpu->name), "NVIDIA GeForce RTX 4090");
		snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-4d0901a6-1e5e-4a90-8c1d-0000000000%02x",
			 i & 0xff);
		snprintf(gpu->pci, sizeof(gpu->pci), "00000000:%02X:00.0", (i * 32 + 1) & 0xff);
		uuid_parse(gpu);
	}
}

bool rig_machine_set(struct rig_machine *machine, int index, const char *key, const char *value)
{
	struct rig_gpu *gpu;

	if (index < 0 || index >= RIG_GPUS_MAX || !value)
		return false;
	gpu = &machine->gpus[index];
	if (!strcmp(key, "name"))
		return snprintf(gpu->name, sizeof(gpu->name), "%s", value) < (int)sizeof(gpu->name);
	if (!strcmp(key, "pci"))
		return snprintf(gpu->pci, sizeof(gpu->pci), "%s", value) < (int)sizeof(gpu->pci);
	if (!strcmp(key, "uuid")) {
		snprintf(gpu->uuid, sizeof(gpu->uuid), "%s", value);
		uuid_parse(gpu);
		return true;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!strcmp(key, numbers[i].key))
			return rig_number_parse(value,
				(int64_t *)(void *)((char *)gpu + numbers[i].offset), NULL);
	}
	return false;
}

static void line_apply(struct rig_machine *machine, struct rig_word *words, int count)
{
	int64_t number;

	if (count < 2 || !rig_number_parse(words[1].key, &number, NULL))
		return;
	if (!strcmp(words[0].key, "gpus") && number > 0 && number <= RIG_GPUS_MAX)
		machine->gpu_count = (int)number;
	for (int i = 2; i < count && !strcmp(words[0].key, "gpu"); i++)
		rig_machine_set(machine, (int)number, words[i].key, words[i].value);
}

void rig_machine_load(struct rig_machine *machine)
{
	const char *path = getenv("RIG_SCENARIO");
	char *text = path && *path ? rig_file_read(path) : NULL;
	char *rest = NULL;

	rig_machine_default(machine);
	if (!text)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct rig_word words[RIG_WORDS_MAX];
		int count = rig_line_split(line, words);

		if (count > 0)
			line_apply(machine, words, count);
	}
	free(text);
}
