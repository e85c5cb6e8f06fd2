/* SPDX-License-Identifier: MIT */
#include "analyzer/host_ranges.h"

#include "analyzer/order.h"
#include "base/array.h"
#include "base/column.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool contains(const char *name, const char *word)
{
	return strcasestr(name, word) != NULL;
}

/* A word of its own: not part of a longer one. */
static bool has_word(const char *name, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = name; (at = strcasestr(at, word)) != NULL; at++) {
		char before = at == name ? ' ' : at[-1], after = at[length];
		bool is_inside = (before >= 'a' && before <= 'z') ||
			(before >= 'A' && before <= 'Z') || (after >= 'a' && after <= 'z') ||
			(after >= 'A' && after <= 'Z');
		if (!is_inside)
			return true;
	}
	return false;
}

enum range_class range_class_of(const char *name)
{
	static const char *const data[] = { "dataloader", "data_loader", "data loader", "__next__",
		"next_batch", "get_batch", "load_batch", "collate", "IteratorGetNext" };
	static const char *const setup[] = { "ncclCommInit", "ncclCommSplit", "ncclCommShrink",
		"ncclCommFinalize", "ncclCommDestroy", "init_process_group" };
	for (size_t i = 0; i < sizeof setup / sizeof setup[0]; i++)
		if (strncmp(name, setup[i], strlen(setup[i])) == 0)
			return RANGE_COMM_SETUP;
	if (strcmp(name, "ncclGroupEnd") == 0)
		return RANGE_GROUP_END;
	for (size_t i = 0; i < sizeof data / sizeof data[0]; i++)
		if (contains(name, data[i]))
			return RANGE_DATA;
	if (has_word(name, "fetch") || has_word(name, "dataloading") ||
	    (has_word(name, "data") && (has_word(name, "load") || has_word(name, "loading") ||
					has_word(name, "wait") || has_word(name, "next"))))
		return RANGE_DATA;
	if (has_word(name, "gc") || contains(name, "garbage"))
		return RANGE_PAUSE;
	return RANGE_OTHER;
}

static bool ranges_resize(struct host_ranges *ranges, size_t room)
{
	if (room > ORDER_ROWS_MAX ||
	    !column_resize(&ranges->start_ns, room, sizeof *ranges->start_ns) ||
	    !column_resize(&ranges->end_ns, room, sizeof *ranges->end_ns) ||
	    !column_resize(&ranges->thread, room, sizeof *ranges->thread) ||
	    !column_resize(&ranges->name, room, sizeof *ranges->name))
		return false;
	ranges->room = room;
	return true;
}

static bool ranges_grow(struct host_ranges *ranges)
{
	return ranges_resize(ranges, ranges->room + ranges->room / 2 + 256);
}

static bool name_place(struct host_ranges *ranges, struct dense_ids *places,
		       const struct trace_reader *reader, int64_t name_id, uint32_t *place)
{
	if (dense_ids_find(places, name_id, place))
		return true;
	struct host_range_name *names = array_grow(ranges->names, &ranges->name_room,
						   ranges->name_count, sizeof *names);
	if (names == NULL)
		return false;
	ranges->names = names;
	*place = (uint32_t)ranges->name_count;
	const char *name = trace_reader_string(reader, name_id);
	names[ranges->name_count++] = (struct host_range_name){ name, range_class_of(name) };
	return dense_ids_put(places, name_id, *place);
}

static bool ranges_add(struct host_ranges *ranges, struct host_calls *calls,
		       struct dense_ids *places, const struct trace_reader *reader,
		       const struct range_row *row)
{
	uint32_t thread = 0, name = 0;
	if (!host_thread_place(calls, row->thread_id, &thread) ||
	    !name_place(ranges, places, reader, row->name_id, &name) ||
	    (ranges->count == ranges->room && !ranges_grow(ranges)))
		return false;
	size_t at = ranges->count++;
	host_times(row->start_ns, row->duration_ns, &ranges->start_ns[at], &ranges->end_ns[at]);
	ranges->thread[at] = thread;
	ranges->name[at] = name;
	ranges->classed_count += ranges->names[name].class != RANGE_OTHER;
	return true;
}

static bool ranges_arrange(struct host_ranges *ranges)
{
	const struct order_column columns[] = {
		{ ranges->start_ns, sizeof *ranges->start_ns },
		{ ranges->end_ns, sizeof *ranges->end_ns },
		{ ranges->thread, sizeof *ranges->thread },
		{ ranges->name, sizeof *ranges->name },
	};
	if (!order_rows(ranges->start_ns, ranges->count, columns, 4))
		return false;
	ranges->classed = malloc((ranges->classed_count + 1) * sizeof *ranges->classed);
	ranges->classed_reach_ns =
		malloc((ranges->classed_count + 1) * sizeof *ranges->classed_reach_ns);
	if (ranges->classed == NULL || ranges->classed_reach_ns == NULL)
		return false;
	size_t to = 0;
	int64_t reach_ns = INT64_MIN;
	for (size_t i = 0; i < ranges->count; i++) {
		if (ranges->names[ranges->name[i]].class == RANGE_OTHER)
			continue;
		reach_ns = ranges->end_ns[i] > reach_ns ? ranges->end_ns[i] : reach_ns;
		ranges->classed_reach_ns[to] = reach_ns;
		ranges->classed[to++] = (uint32_t)i;
	}
	return true;
}

bool host_ranges_load(struct host_ranges *ranges, struct host_calls *calls,
		      struct trace_reader *reader, struct error *error)
{
	struct dense_ids places = { 0 };
	struct trace_cursor *cursor = NULL;
	struct range_row row;
	bool has_memory = true;
	int result = 0;
	size_t rows = trace_reader_estimate_rows(reader, TABLE_range);
	if (rows > 0)
		(void)ranges_resize(ranges, rows);	/* else it grows as the rows come */
	if (!trace_reader_select(reader, TABLE_range, HOST_RANGE_COLUMNS, -1, &cursor, error))
		return false;
	while (has_memory && (result = trace_cursor_next(cursor, &row, error)) == 1)
		has_memory = ranges_add(ranges, calls, &places, reader, &row);
	trace_cursor_close(cursor);
	dense_ids_end(&places);
	if (has_memory && result < 0)
		return false;
	return (has_memory && ranges_arrange(ranges)) ||
	       fail(error, ERROR_SYSTEM, "cannot analyse '%s': no memory for its ranges",
		    trace_reader_path(reader));
}

void host_ranges_end(struct host_ranges *ranges)
{
	free(ranges->start_ns);
	free(ranges->end_ns);
	free(ranges->thread);
	free(ranges->name);
	free(ranges->names);
	free(ranges->classed);
	free(ranges->classed_reach_ns);
	*ranges = (struct host_ranges){ 0 };
}
