/* SPDX-License-Identifier: MIT */
#include "libtrace/device_list.h"

#include <string.h>

static struct device_entry *entry_find(struct device_list *list, int64_t device_id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].row.device_id == device_id)
			return &list->entries[i];
	return NULL;
}

static struct device_entry *entry_make(struct device_list *list, int64_t device_id)
{
	struct device_entry *entry = entry_find(list, device_id);
	if (entry != NULL || list->count == DEVICES_MAX || device_id < 0)
		return entry;
	entry = &list->entries[list->count++];
	entry->row = (struct device_row){ .device_id = device_id, .pcie_replays = -1 };
	return entry;
}

static const char *text_copy(struct arena *texts, const char *text)
{
	const char *copy = text == NULL ? NULL : arena_copy_text(texts, text, strlen(text));
	return copy == NULL ? "" : copy;
}

void device_list_merge(struct device_list *list, const struct device_row *row, struct arena *texts)
{
	struct device_entry *entry = entry_make(list, row->device_id);
	if (entry == NULL)
		return;
	struct device_row *old = &entry->row;
	bool is_known = old->name != NULL && old->uuid != NULL;
	struct device_row merged = *old;
	if (!is_known) {
		merged.name = text_copy(texts, row->name);
		merged.uuid = text_copy(texts, row->uuid);
	}
	merged.compute_major = row->compute_major;
	merged.compute_minor = row->compute_minor;
	merged.sm_count = row->sm_count;
	merged.memory_bytes = row->memory_bytes;
	merged.memory_bandwidth_bytes_per_s = row->memory_bandwidth_bytes_per_s;
	merged.l2_bytes = row->l2_bytes;
	merged.copy_engines = row->copy_engines;
	if (old->clock_sm_max_mhz == 0)
		merged.clock_sm_max_mhz = row->clock_sm_max_mhz;
	entry->row = merged;
	entry->is_dirty = true;
}

void device_list_use(struct device_list *list, int64_t device_id)
{
	struct device_entry *entry = entry_make(list, device_id);
	if (entry == NULL || entry->is_used)
		return;
	entry->is_used = true;
	entry->is_dirty = true;
	list->used[list->used_count++] = (size_t)(entry - list->entries);
}

struct device_row *device_list_row(struct device_list *list, int64_t device_id)
{
	struct device_entry *entry = entry_find(list, device_id);
	if (entry == NULL)
		return NULL;
	entry->is_dirty = true;
	return &entry->row;
}

struct device_row *device_list_at(struct device_list *list, size_t index)
{
	struct device_entry *entry = &list->entries[list->used[index]];
	entry->is_dirty = true;
	return &entry->row;
}
