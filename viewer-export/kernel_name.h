/* SPDX-License-Identifier: MIT */
/*
 * Names as they stand on a slice: kernels without return type and parameters, API functions without
 * the version that CUPTI appends. What is cut off is kept apart: name and rest give the whole.
 *
 * Thread: pure functions.
 */
#ifndef VIEWER_EXPORT_KERNEL_NAME_H
#define VIEWER_EXPORT_KERNEL_NAME_H

#include <stddef.h>

/* Part of a text, not terminated. */
struct name_part {
	const char *bytes;
	size_t length;
};

/*
 * "void f<int>(int*, int)" gives "f<int>"; `parameters` gets "(int*, int)", or "" where there are
 * none.
 */
struct name_part kernel_name_short(const char *name, const char **parameters);

/* "cudaLaunchKernel_v7000" gives "cudaLaunchKernel", "cuMemAlloc_v2" stays as people write it. */
struct name_part call_name_short(const char *name);

#endif
