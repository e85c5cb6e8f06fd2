/* SPDX-License-Identifier: MIT */
/* Work of the GPUs: kernels, copies, memsets, whole graphs. */
#include "viewer-export/export.h"
#include "viewer-export/nsys_session.h"

#include "tracedb/vocabulary.h"

/* start .. globalPid, which all tables of GPU work begin with. */
#define WORK_CELLS(start, end, stream, correlation_id, trace) \
	CELL_OF(start), CELL_OF(end), CELL_OF((stream)->device_id), CELL_OF((stream)->context_id), \
	CELL_NONE, CELL_OF(stream_number(stream)), nsys_cell_or_null((correlation_id), 0), \
	CELL_OF((trace)->global_pid)

/* Of work on a stream that the trace does not know, nobody can say the device. */
static bool left_out(struct nsys_trace *trace, enum nsys_left what)
{
	trace->left_out[what]++;
	return true;
}

static int64_t stream_number(const struct stream_row *stream)
{
	return stream->number < 0 ? INT64_C(0xffffffff) : stream->number;
}

/* ENUM_CUDA_MEM_KIND begins at pageable; it has no word for "some host memory". */
static struct nsys_cell memory_cell(int64_t memory)
{
	enum { MEMORY_KIND_UNKNOWN = 7 };
	return memory >= MEMORY_PAGEABLE && memory <= MEMORY_MANAGED_STATIC ?
		       CELL_OF(memory - 1) : CELL_OF(MEMORY_KIND_UNKNOWN);
}

/* ENUM_CUDA_KERNEL_LAUNCH_TYPE */
static int64_t launch_type(int64_t type)
{
	return type >= 0 && type <= 2 ? type + 1 : 0;
}

static bool put_kernel(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		       struct error *error)
{
	const struct kernel_row *kernel = row;
	static const struct nsys_symbol unknown;
	const struct stream_row *stream = nsys_trace_stream(trace, kernel->stream_id);
	const struct nsys_symbol *symbol = nsys_trace_symbol(trace, kernel->kernel_id);
	int64_t start, end, nameless = 0;
	if (!nsys_span(trace, kernel->start_ns, kernel->duration_ns, &start, &end))
		return true;
	if (stream == NULL)
		return left_out(trace, NSYS_LEFT_KERNEL);
	if (symbol == NULL) {
		symbol = &unknown;
		if (!nsys_writer_string(session->writer, "", &nameless, error))
			return false;
	}
	const struct kernel_symbol_row *shape = &symbol->row;
	const struct nsys_cell cells[] = {
		WORK_CELLS(start, end, stream, kernel->correlation_id, trace),
		CELL_OF(nameless != 0 ? nameless : symbol->demangled),
		CELL_OF(nameless != 0 ? nameless : symbol->base),
		nsys_cell_or_null(symbol->mangled, 0),
		symbol == &unknown ? CELL_NONE : CELL_OF(launch_type(shape->launch_type)),
		CELL_NONE,			/* cacheConfig */
		CELL_OF(shape->registers),
		CELL_OF(shape->grid_x), CELL_OF(shape->grid_y), CELL_OF(shape->grid_z),
		CELL_OF(shape->block_x), CELL_OF(shape->block_y), CELL_OF(shape->block_z),
		CELL_OF(shape->static_shared_bytes), CELL_OF(shape->dynamic_shared_bytes),
		CELL_OF(shape->local_bytes_per_thread),
		CELL_OF(0), CELL_OF(0),		/* localMemoryTotal, gridId: must not be NULL */
		CELL_NONE,			/* sharedMemoryExecuted */
		nsys_cell_or_null(kernel->graph_node_id, 0),
		CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE,
		nsys_cell_or_null(kernel->graph_id, 0),
		CELL_OF(shape->cluster_x), CELL_OF(shape->cluster_y), CELL_OF(shape->cluster_z),
		CELL_NONE, CELL_NONE, CELL_NONE, CELL_NONE,
		CELL_OF_TEXT("[]"),		/* tensorSizeMinusOneElements */
	};
	return NSYS_PUT(session->writer, NSYS_KERNEL, cells, error);
}

static bool put_copy(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		     struct error *error)
{
	const struct memcpy_row *copy = row;
	const struct stream_row *stream = nsys_trace_stream(trace, copy->stream_id);
	int64_t start, end;
	if (!nsys_span(trace, copy->start_ns, copy->duration_ns, &start, &end))
		return true;
	if (stream == NULL)
		return left_out(trace, NSYS_LEFT_COPY);
	const struct nsys_cell cells[] = {
		WORK_CELLS(start, end, stream, copy->correlation_id, trace),
		CELL_OF(copy->bytes), CELL_OF(copy->direction), CELL_NONE,
		memory_cell(copy->source_memory), memory_cell(copy->destination_memory),
		nsys_cell_or_null(copy->source_device_id, -1), CELL_NONE,
		nsys_cell_or_null(copy->destination_device_id, -1), CELL_NONE,
		CELL_NONE,			/* migrationCause */
		nsys_cell_or_null(copy->graph_node_id, 0),
		CELL_NONE,			/* virtualAddress */
		nsys_cell_or_null(copy->copy_count, 0),
	};
	return NSYS_PUT(session->writer, NSYS_MEMCPY, cells, error);
}

static bool put_memset(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		       struct error *error)
{
	const struct memset_row *set = row;
	const struct stream_row *stream = nsys_trace_stream(trace, set->stream_id);
	int64_t start, end;
	if (!nsys_span(trace, set->start_ns, set->duration_ns, &start, &end))
		return true;
	if (stream == NULL)
		return left_out(trace, NSYS_LEFT_MEMSET);
	const struct nsys_cell cells[] = {
		WORK_CELLS(start, end, stream, set->correlation_id, trace),
		CELL_OF(set->value), CELL_OF(set->bytes),
		nsys_cell_or_null(set->graph_node_id, 0), memory_cell(set->memory),
	};
	return NSYS_PUT(session->writer, NSYS_MEMSET, cells, error);
}

static bool put_graph(struct nsys_session *session, struct nsys_trace *trace, const void *row,
		      struct error *error)
{
	const struct graph_launch_row *graph = row;
	const struct stream_row *stream = nsys_trace_stream(trace, graph->stream_id);
	int64_t start, end;
	if (!nsys_span(trace, graph->start_ns, graph->duration_ns, &start, &end))
		return true;
	if (stream == NULL)
		return left_out(trace, NSYS_LEFT_GRAPH);
	const struct nsys_cell cells[] = {
		WORK_CELLS(start, end, stream, graph->correlation_id, trace),
		CELL_OF(graph->graph_id),
		CELL_OF(0),			/* graphExecId: must not be NULL */
	};
	return NSYS_PUT(session->writer, NSYS_GRAPH, cells, error);
}

bool nsys_put_work(struct nsys_session *session, struct nsys_trace *trace, struct error *error)
{
	unsigned kinds = session->set->kinds;
	if ((kinds & EXPORT_KERNELS) != 0 &&
	    (!nsys_walk(session, trace, TABLE_kernel, put_kernel, error) ||
	     !nsys_walk(session, trace, TABLE_graph_launch, put_graph, error)))
		return false;
	return (kinds & EXPORT_COPIES) == 0 ||
	       (nsys_walk(session, trace, TABLE_memcpy, put_copy, error) &&
		nsys_walk(session, trace, TABLE_memset, put_memset, error));
}
