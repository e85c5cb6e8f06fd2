/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a trace's devices, by device id.
 *
 * Thread: loading is the reader's thread's; then any number of readers.
 */
#ifndef ANALYZER_DEVICE_FACTS_H
#define ANALYZER_DEVICE_FACTS_H

#include "base/error.h"
#include "tracedb/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_facts {
	struct device_row *items;	/* by device id; texts are "" */
	size_t count;
	size_t room;
};

bool device_facts_load(struct device_facts *facts, struct trace_reader *reader,
		       struct error *error);
const struct device_row *device_facts_find(const struct device_facts *facts, int64_t device_id);
void device_facts_end(struct device_facts *facts);

#endif
