/* SPDX-License-Identifier: MIT */
#include "analyzer/device_facts.h"

#include "base/array.h"

#include <stdlib.h>

#define DEVICE_TEXTS \
	(COLUMN_BIT(device, name) | COLUMN_BIT(device, uuid) | COLUMN_BIT(device, pci_bus_id))
#define DEVICE_NUMBERS (((UINT64_C(1) << COLUMN_COUNT_device) - 1) & ~DEVICE_TEXTS)

static int device_compare(const void *left, const void *right)
{
	const struct device_row *a = left, *b = right;
	return (a->device_id > b->device_id) - (a->device_id < b->device_id);
}

bool device_facts_load(struct device_facts *facts, struct trace_reader *reader,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct device_row row;
	int result;
	*facts = (struct device_facts){ 0 };
	if (!trace_reader_select(reader, TABLE_device, DEVICE_NUMBERS, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		struct device_row *items =
			array_grow(facts->items, &facts->room, facts->count, sizeof *items);
		if (items == NULL)
			break;
		facts->items = items;
		items[facts->count++] = row;
	}
	trace_cursor_close(cursor);
	if (result == 1)
		(void)fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory",
			   trace_reader_path(reader));
	if (result != 0) {
		device_facts_end(facts);
		return false;
	}
	if (facts->count > 1)
		qsort(facts->items, facts->count, sizeof *facts->items, device_compare);
	return true;
}

const struct device_row *device_facts_find(const struct device_facts *facts, int64_t device_id)
{
	const struct device_row key = { .device_id = device_id };
	if (facts->count == 0)
		return NULL;
	return bsearch(&key, facts->items, facts->count, sizeof *facts->items, device_compare);
}

void device_facts_end(struct device_facts *facts)
{
	free(facts->items);
	*facts = (struct device_facts){ 0 };
}
