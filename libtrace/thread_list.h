/* SPDX-License-Identifier: MIT */
/*
 * The host threads seen so far and their names.
 *
 * Thread: one thread at a time.
 */
#ifndef LIBTRACE_THREAD_LIST_H
#define LIBTRACE_THREAD_LIST_H

#include "base/arena.h"
#include "base/id_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { THREADS_MAX = 65536 };

struct thread_entry {
	int64_t thread_id;
	const char *name;	/* '' if unknown */
	bool is_dirty;		/* to be written again */
};

/* All zero is an empty list. */
struct thread_list {
	struct thread_entry *entries;
	size_t count, room;
	struct id_map index;
};

/*
 * `name` may be NULL; a later name replaces. False: the list or memory is full, and the thread is
 * not in it.
 */
bool thread_list_note(struct thread_list *list, int64_t thread_id, const char *name,
		      struct arena *texts);
void thread_list_end(struct thread_list *list);

#endif
