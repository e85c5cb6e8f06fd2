/* SPDX-License-Identifier: MIT */
#include "tracedb/collective_launch.h"

#include "base/array.h"
#include "base/id_map.h"
#include "tracedb/nccl_names.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>

/* A kernel of NCCL has its name's string_id here, any other one 0. */
struct launch_reader {
	struct collective_set *set;
	struct id_map symbols;		/* kernel_id -> string_id */
	struct id_map devices;		/* stream_id -> device_id */
	struct id_map places;		/* correlation_id -> place in launches */
	struct collective_launch *launches;
	size_t count;
	size_t room;
};

/* Takes one row; false: memory is short. */
typedef bool (*row_take)(struct launch_reader *launching, const void *row);

static bool rows_take(struct launch_reader *launching, enum trace_table table, uint64_t columns,
		      void *row, row_take take, struct error *error)
{
	struct trace_reader *reader = launching->set->reader;
	struct trace_cursor *cursor = NULL;
	int result;
	bool ok = true;
	if (!trace_reader_select(reader, table, columns, -1, &cursor, error))
		return false;
	while (ok && (result = trace_cursor_next(cursor, row, error)) > 0)
		ok = take(launching, row);
	trace_cursor_close(cursor);
	if (!ok)
		return fail(error, ERROR_SYSTEM, "no memory for the collectives of '%s'",
			    trace_reader_path(reader));
	return result == 0;
}

static bool symbol_take(struct launch_reader *launching, const void *data)
{
	const struct kernel_symbol_row *row = data;
	const char *name = trace_reader_string(launching->set->reader, row->name_id);
	return nccl_operation_of_kernel(name)[0] == 0 ||
	       id_map_put(&launching->symbols, (uint64_t)row->kernel_id, row->name_id);
}

static bool stream_take(struct launch_reader *launching, const void *data)
{
	const struct stream_row *row = data;
	return id_map_put(&launching->devices, (uint64_t)row->stream_id, row->device_id);
}

static bool kernel_take(struct launch_reader *launching, const void *data)
{
	const struct kernel_row *row = data;
	int64_t name_id, device_id = -1;
	if (row->correlation_id == 0 ||
	    !id_map_get(&launching->symbols, (uint64_t)row->kernel_id, &name_id))
		return true;
	(void)id_map_get(&launching->devices, (uint64_t)row->stream_id, &device_id);
	struct collective_launch *launches = array_grow(launching->launches, &launching->room,
							launching->count, sizeof launches[0]);
	if (launches == NULL)
		return false;
	launching->launches = launches;
	launches[launching->count] = (struct collective_launch){
		.correlation_id = row->correlation_id, .device_id = device_id,
		.operation = nccl_operation_of_kernel(
			trace_reader_string(launching->set->reader, name_id)),
	};
	return id_map_put(&launching->places, (uint64_t)row->correlation_id,
			  (int64_t)launching->count++);
}

static bool call_take(struct launch_reader *launching, const void *data)
{
	const struct api_call_row *row = data;
	int64_t place;
	if (!id_map_get(&launching->places, (uint64_t)row->correlation_id, &place))
		return true;
	launching->launches[place].thread_id = row->thread_id;
	launching->launches[place].start_ns = row->start_ns;
	return true;
}

/* Those whose call is not in the trace. */
static void launches_trim(struct launch_reader *launching)
{
	size_t kept = 0;
	for (size_t i = 0; i < launching->count; i++)
		if (launching->launches[i].thread_id != 0)
			launching->launches[kept++] = launching->launches[i];
	launching->count = kept;
}

static bool launches_read(struct launch_reader *launching, struct error *error)
{
	struct kernel_symbol_row symbol;
	struct stream_row stream;
	struct kernel_row kernel;
	struct api_call_row call;
	return rows_take(launching, TABLE_kernel_symbol,
			 COLUMN_BIT(kernel_symbol, kernel_id) | COLUMN_BIT(kernel_symbol, name_id),
			 &symbol, symbol_take, error) &&
	       rows_take(launching, TABLE_stream,
			 COLUMN_BIT(stream, stream_id) | COLUMN_BIT(stream, device_id), &stream,
			 stream_take, error) &&
	       rows_take(launching, TABLE_kernel,
			 COLUMN_BIT(kernel, kernel_id) | COLUMN_BIT(kernel, stream_id) |
				 COLUMN_BIT(kernel, correlation_id),
			 &kernel, kernel_take, error) &&
	       rows_take(launching, TABLE_api_call,
			 COLUMN_BIT(api_call, start_ns) | COLUMN_BIT(api_call, thread_id) |
				 COLUMN_BIT(api_call, correlation_id),
			 &call, call_take, error);
}

bool collective_set_read_launches(struct collective_set *set, struct error *error)
{
	struct launch_reader launching = { .set = set };
	if (set->spans.count == 0)
		return true;
	bool ok = launches_read(&launching, error);
	launches_trim(&launching);
	ok = ok && collective_set_join_launches(set, launching.launches, launching.count, error);
	id_map_end(&launching.symbols);
	id_map_end(&launching.devices);
	id_map_end(&launching.places);
	free(launching.launches);
	return ok;
}
