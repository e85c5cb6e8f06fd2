/* SPDX-License-Identifier: MIT */
#include "libtrace/nvml_result.h"
#include "libtrace/nvml_abi.h"

const char *nvml_result_text(int result)
{
	switch (result) {
	case NVML_UNINITIALIZED:
		return "not initialised";
	case NVML_NOT_SUPPORTED:
		return "not supported";
	case NVML_NO_PERMISSION:
		return "no permission";
	case NVML_NOT_FOUND:
		return "not found";
	case NVML_DRIVER_NOT_LOADED:
		return "driver not loaded";
	case NVML_FUNCTION_NOT_FOUND:
		return "function not found";
	case NVML_LIBRARY_NOT_FOUND:
		return "library not found";
	case NVML_VERSION_MISMATCH:
		return "library and kernel module are of different versions";
	case NVML_GPU_IS_LOST:
		return "GPU is lost";
	default:
		return "unknown error";
	}
}
