/* SPDX-License-Identifier: MIT */
/*
 * What is known about the devices: rows that CUPTI describes, NVML completes, and that are written
 * once the process really uses the device.
 *
 * Thread: one thread at a time.
 */
#ifndef LIBTRACE_DEVICE_LIST_H
#define LIBTRACE_DEVICE_LIST_H

#include "base/arena.h"
#include "tracedb/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEVICES_MAX = 256 };

struct device_entry {
	struct device_row row;
	bool is_used;
	bool is_dirty;	/* to be written again */
};

struct device_list {
	struct device_entry entries[DEVICES_MAX];
	size_t count;
	size_t used[DEVICES_MAX];	/* indices of the used ones, in order of first use */
	size_t used_count;
};

/* CUPTI's description; what NVML said already stays. Texts are copied into `texts`. */
void device_list_merge(struct device_list *list, const struct device_row *row, struct arena *texts);

/* The process has a context or work on the device. */
void device_list_use(struct device_list *list, int64_t device_id);

/* The row, to be changed in place; NULL if the device is not known. */
struct device_row *device_list_row(struct device_list *list, int64_t device_id);

/* The used ones: index < used_count. */
struct device_row *device_list_at(struct device_list *list, size_t index);

#endif
