/* SPDX-License-Identifier: MIT */
#include "libtrace/thread_list.h"

#include <stdlib.h>
#include <string.h>

static bool list_grow(struct thread_list *list)
{
	size_t room = list->room == 0 ? 64 : list->room * 2;
	if (room > THREADS_MAX)
		return false;
	struct thread_entry *entries = realloc(list->entries, room * sizeof *entries);
	if (entries == NULL)
		return false;
	list->entries = entries;
	list->room = room;
	return true;
}

bool thread_list_note(struct thread_list *list, int64_t thread_id, const char *name,
		      struct arena *texts)
{
	int64_t index;
	if (!id_map_get(&list->index, (uint64_t)thread_id, &index)) {
		index = (int64_t)list->count;
		if ((list->count == list->room && !list_grow(list)) ||
		    !id_map_put(&list->index, (uint64_t)thread_id, index))
			return false;
		list->entries[list->count++] = (struct thread_entry){
			.thread_id = thread_id, .name = "", .is_dirty = true,
		};
	}
	struct thread_entry *entry = &list->entries[index];
	if (name == NULL || *name == 0 || strcmp(name, entry->name) == 0)
		return true;
	const char *copy = arena_copy_text(texts, name, strlen(name));
	if (copy != NULL) {
		entry->name = copy;
		entry->is_dirty = true;
	}
	return true;
}

void thread_list_end(struct thread_list *list)
{
	free(list->entries);
	id_map_end(&list->index);
	*list = (struct thread_list){ 0 };
}
