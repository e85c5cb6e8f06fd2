/* SPDX-License-Identifier: MIT */
/* A libcudart that can only be found: a tracer may look for CUPTI beside it. */
#include "machine.h"

RIG_EXPORT int cudaRuntimeGetVersion(int *version);
RIG_EXPORT int cudaRuntimeGetVersion(int *version)
{
	*version = 13000;
	return 0;
}
