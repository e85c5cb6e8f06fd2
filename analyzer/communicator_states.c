/* SPDX-License-Identifier: MIT */
#include "analyzer/communicator_states.h"

#include "base/id_map.h"

#include <string.h>

struct members {
	struct communicator_row *rows;
	size_t count;
	struct id_map index;	/* communicator_id -> index */
};

static bool members_load(struct members *members, struct trace_reader *reader,
			 struct arena *arena, struct error *error)
{
	const uint64_t columns = COLUMN_BIT(communicator, communicator_id) |
		COLUMN_BIT(communicator, hash) | COLUMN_BIT(communicator, rank) |
		COLUMN_BIT(communicator, rank_count);
	struct trace_cursor *cursor = NULL;
	struct communicator_row row;
	int64_t room = 0;
	int result;
	if (!trace_reader_count(reader, TABLE_communicator, &room, error) ||
	    !trace_reader_select(reader, TABLE_communicator, columns, -1, &cursor, error))
		return false;
	members->rows = arena_take_array(arena, (size_t)room + 1, sizeof *members->rows);
	while ((result = trace_cursor_next(cursor, &row, error)) == 1 &&
	       (int64_t)members->count < room && members->rows != NULL) {
		if (!id_map_put(&members->index, (uint64_t)row.communicator_id,
				(int64_t)members->count))
			break;
		members->rows[members->count++] = row;
	}
	trace_cursor_close(cursor);
	return result >= 0 && (members->rows != NULL ||
		fail(error, ERROR_SYSTEM, "no memory for communicators"));
}

static const struct communicator_row *member_of(const struct members *members, int64_t id)
{
	int64_t index;
	return id_map_get(&members->index, (uint64_t)id, &index) ? &members->rows[index] : NULL;
}

/* Times of a hostile file may be anything. */
static int64_t unix_time(int64_t epoch_ns, int64_t time_ns)
{
	int64_t sum;
	return time_ns < 0 || __builtin_add_overflow(epoch_ns, time_ns, &sum) ? -1 : sum;
}

static bool states_read(struct trace_reader *reader, const struct members *members,
			struct arena *arena, struct communicator_state *states, size_t room,
			size_t *count, struct error *error)
{
	int64_t epoch_ns = trace_reader_trace(reader)->epoch_ns;
	struct trace_cursor *cursor = NULL;
	struct communicator_state_row row;
	int result;
	if (!trace_reader_select(reader, TABLE_communicator_state, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1 && *count < room) {
		const struct communicator_row *member = member_of(members, row.communicator_id);
		const char *operation = trace_reader_string(reader, row.operation_id);
		if (member == NULL || member->hash == 0 || member->rank < 0 ||
		    member->rank_count <= 0 || member->rank >= member->rank_count ||
		    row.enqueued < 0)
			continue;
		struct communicator_state *state = &states[(*count)++];
		*state = (struct communicator_state){
			.hash = member->hash, .rank = member->rank,
			.rank_count = member->rank_count, .enqueued = row.enqueued,
			.completed = row.completed, .sequence = row.sequence,
			.time_ns = unix_time(epoch_ns, row.time_ns),
			.enqueued_ns = unix_time(epoch_ns, row.enqueued_ns),
			.operation = arena_copy_text(arena, operation, strlen(operation)),
		};
		if (state->operation == NULL)
			state->operation = "";
	}
	trace_cursor_close(cursor);
	return result >= 0;
}

bool communicator_states_load(struct trace_reader *reader, struct arena *arena,
			      struct communicator_state **states, size_t *count,
			      struct error *error)
{
	struct members members = { 0 };
	int64_t room = 0;
	*count = 0;
	*states = NULL;
	if (!trace_reader_count(reader, TABLE_communicator_state, &room, error))
		return false;
	if (room <= 0)
		return true;
	*states = arena_take_array(arena, (size_t)room, sizeof **states);
	bool ok = *states != NULL || fail(error, ERROR_SYSTEM, "no memory for communicators");
	ok = ok && members_load(&members, reader, arena, error) &&
		trace_reader_load_strings(reader, error) &&
		states_read(reader, &members, arena, *states, (size_t)room, count, error);
	id_map_end(&members.index);
	return ok;
}
