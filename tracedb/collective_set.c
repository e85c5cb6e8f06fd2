/* SPDX-License-Identifier: MIT */
#include "tracedb/collective_set.h"

#include "base/array.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

struct collective_join {
	int64_t correlation_id;
	int64_t preference;	/* smaller: the witness that knows more */
	uint32_t row;
	uint32_t operations;	/* run by the same launch */
};

/* A row's bracket, for the way from bracket to rows. */
struct bracket {
	int64_t external_id;
	int64_t preference;
	uint32_t row;
};

struct bracket_set {
	struct bracket *list;
	size_t count;
	size_t room;
};

static int64_t preference_of(int64_t witness)
{
	return witness == WITNESS_PLUGIN ? 0 : witness == WITNESS_FRAMEWORK ? 1 : 2;
}

static bool row_keep(struct collective_set *set, const struct collective_row *row)
{
	struct collective_row *rows = array_grow(set->rows, &set->room, set->count, sizeof rows[0]);
	if (rows == NULL || set->count >= UINT32_MAX)
		return false;
	set->rows = rows;
	rows[set->count++] = *row;
	return true;
}

static bool join_keep(struct collective_set *set, int64_t correlation_id, size_t row,
		      size_t operations)
{
	if (correlation_id == 0)
		return true;
	struct collective_join *joins = array_grow(set->joins, &set->join_room, set->join_count,
						   sizeof joins[0]);
	if (joins == NULL)
		return false;
	set->joins = joins;
	joins[set->join_count++] = (struct collective_join){
		.correlation_id = correlation_id,
		.preference = preference_of(set->rows[row].witness),
		.row = (uint32_t)row,
		.operations = (uint32_t)operations,
	};
	return true;
}

static bool bracket_keep(struct bracket_set *brackets, const struct collective_row *row, size_t at)
{
	if (row->external_id == 0)
		return true;
	struct bracket *list = array_grow(brackets->list, &brackets->room, brackets->count,
					  sizeof list[0]);
	if (list == NULL)
		return false;
	brackets->list = list;
	list[brackets->count++] = (struct bracket){ row->external_id, preference_of(row->witness),
						    (uint32_t)at };
	return true;
}

static bool span_keep(struct collective_set *set, const struct collective_row *row, size_t at)
{
	return row->external_id != 0 || row->correlation_id != 0 ||
	       host_spans_keep(&set->spans, row->thread_id, row->start_ns, row->duration_ns,
			       (uint32_t)at);
}

static int bracket_compare(const void *left, const void *right)
{
	const struct bracket *a = left, *b = right;
	if (a->external_id != b->external_id)
		return a->external_id < b->external_id ? -1 : 1;
	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static int join_compare(const void *left, const void *right)
{
	const struct collective_join *a = left, *b = right;
	if (a->correlation_id != b->correlation_id)
		return a->correlation_id < b->correlation_id ? -1 : 1;
	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static bool no_memory(struct trace_reader *reader, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the collectives of '%s'",
		    trace_reader_path(reader));
}

/* The first place in the sorted brackets at or above the id. */
static size_t bracket_at(const struct bracket_set *brackets, int64_t external_id)
{
	size_t low = 0, high = brackets->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (brackets->list[middle].external_id < external_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * One join a call in a bracket: its best row, with the number of operations that this witness saw.
 */
static bool bracket_join(struct collective_set *set, const struct bracket_set *brackets,
			 const struct external_correlation_row *call)
{
	size_t first = bracket_at(brackets, call->external_id);
	size_t after = first;
	while (after < brackets->count && after - first < 4096 &&
	       brackets->list[after].external_id == call->external_id &&
	       brackets->list[after].preference == brackets->list[first].preference)
		after++;
	return after == first || join_keep(set, call->correlation_id, brackets->list[first].row,
					   after - first);
}

static bool brackets_join(struct collective_set *set, struct bracket_set *brackets,
			  struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct external_correlation_row row;
	int result;
	bool ok = true;
	if (brackets->count == 0)
		return true;
	qsort(brackets->list, brackets->count, sizeof brackets->list[0], bracket_compare);
	if (!trace_reader_select(set->reader, TABLE_external_correlation, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0 && ok)
		ok = bracket_join(set, brackets, &row);
	trace_cursor_close(cursor);
	if (!ok)
		return no_memory(set->reader, error);
	return result == 0;
}

static bool communicators_read(struct collective_set *set, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct communicator_row row;
	size_t room = 0, name_room = 0;
	int result;
	bool ok = true;
	if (!trace_reader_select(set->reader, TABLE_communicator, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		struct communicator_row *rows = array_grow(set->communicators, &room,
							   set->communicator_count, sizeof rows[0]);
		set->communicators = rows != NULL ? rows : set->communicators;
		char **names = array_grow(set->communicator_names, &name_room,
					  set->communicator_count, sizeof names[0]);
		set->communicator_names = names != NULL ? names : set->communicator_names;
		char *name = strdup(row.name);
		ok = rows != NULL && names != NULL && name != NULL;
		if (!ok) {
			free(name);
			break;
		}
		rows[set->communicator_count] = row;
		rows[set->communicator_count].name = name;
		names[set->communicator_count++] = name;
	}
	trace_cursor_close(cursor);
	if (!ok)
		return no_memory(set->reader, error);
	return result == 0;
}

static bool rows_read(struct collective_set *set, struct bracket_set *brackets, struct error *error)
{
	struct trace_cursor *cursor = NULL;
	struct collective_row row;
	int result;
	bool ok = true;
	if (!trace_reader_select(set->reader, TABLE_collective, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0) {
		ok = row_keep(set, &row) && bracket_keep(brackets, &row, set->count - 1) &&
		     span_keep(set, &row, set->count - 1) &&
		     join_keep(set, row.correlation_id, set->count - 1, 1);
		if (!ok)
			break;
	}
	trace_cursor_close(cursor);
	if (!ok)
		return no_memory(set->reader, error);
	return result == 0;
}

bool collective_set_read(struct collective_set *set, struct trace_reader *reader,
			 struct error *error)
{
	struct bracket_set brackets = { .count = 0 };
	*set = (struct collective_set){ .reader = reader };
	bool ok = communicators_read(set, error) && rows_read(set, &brackets, error) &&
		  brackets_join(set, &brackets, error);
	free(brackets.list);
	host_spans_sort(&set->spans);
	if (ok)
		collective_set_sort_joins(set);
	return ok;
}

bool collective_set_join(struct collective_set *set, int64_t correlation_id, size_t row,
			 int64_t operations)
{
	return join_keep(set, correlation_id, row, (size_t)operations);
}

void collective_set_sort_joins(struct collective_set *set)
{
	if (set->join_count > 1)
		qsort(set->joins, set->join_count, sizeof set->joins[0], join_compare);
}

void collective_set_end(struct collective_set *set)
{
	for (size_t i = 0; i < set->communicator_count; i++)
		free(set->communicator_names[i]);
	free(set->communicator_names);
	free(set->communicators);
	free(set->rows);
	free(set->joins);
	host_spans_end(&set->spans);
	*set = (struct collective_set){ .reader = NULL };
}

const struct collective_row *collective_set_find(const struct collective_set *set,
						 int64_t correlation_id, int64_t *operations)
{
	size_t low = 0, high = set->join_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->joins[middle].correlation_id < correlation_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (correlation_id == 0 || low == set->join_count ||
	    set->joins[low].correlation_id != correlation_id)
		return NULL;
	*operations = set->joins[low].operations;
	return &set->rows[set->joins[low].row];
}

/* They come in the order of their key. */
const struct communicator_row *collective_set_communicator(const struct collective_set *set,
							   int64_t communicator_id)
{
	size_t low = 0, high = set->communicator_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->communicators[middle].communicator_id < communicator_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < set->communicator_count &&
	    set->communicators[low].communicator_id == communicator_id)
		return &set->communicators[low];
	return NULL;
}
