/* SPDX-License-Identifier: MIT */
#include "laggard/doctor_nvml.h"

#include <dlfcn.h>
#include <string.h>

static struct {
	bool is_tried;
	void *library;
	int result;
} nvml;

bool doctor_nvml_find(void *function, size_t size, const char *name)
{
	void *symbol = nvml.library == NULL ? NULL : dlsym(nvml.library, name);
	memcpy(function, &symbol, size);
	return symbol != NULL;
}

int doctor_nvml_open(void)
{
	nvml_init_with_flags with_flags;
	if (nvml.is_tried)
		return nvml.result;
	nvml.is_tried = true;
	nvml.result = NVML_LIBRARY_NOT_FOUND;
	nvml.library = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (nvml.library == NULL)
		return nvml.result;
	nvml.result = DOCTOR_NVML(with_flags, "nvmlInitWithFlags") ?
		with_flags(NVML_INIT_NO_GPUS_IS_FINE) : NVML_FUNCTION_NOT_FOUND;
	return nvml.result;
}
