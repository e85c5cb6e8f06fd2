/* SPDX-License-Identifier: MIT */
/* Work of the GPUs: kernels, copies, memsets, whole graphs. */
#include "tracedb/import_nsys_rows.h"

#include "tracedb/vocabulary.h"

static const char *const kernel_columns[] = {
	"globalPid",
	"start!",
	"end!",
	"deviceId!",
	"contextId",
	"streamId!",
	"correlationId",
	"demangledName",
	"mangledName",
	"shortName",
	"launchType",
	"registersPerThread",
	"gridX",
	"gridY",
	"gridZ",
	"blockX",
	"blockY",
	"blockZ",
	"staticSharedMemory",
	"dynamicSharedMemory",
	"localMemoryPerThread",
	"clusterX",
	"clusterY",
	"clusterZ",
	"graphNodeId",
	"graphId",
};
enum {
	KERNEL_DEVICE = NSYS_COLUMN_OWN,
	KERNEL_CONTEXT,
	KERNEL_STREAM,
	KERNEL_CORRELATION,
	KERNEL_DEMANGLED,
	KERNEL_MANGLED,
	KERNEL_SHORT,
	KERNEL_LAUNCH_TYPE,
	KERNEL_REGISTERS,
	KERNEL_GRID_X,
	KERNEL_GRID_Y,
	KERNEL_GRID_Z,
	KERNEL_BLOCK_X,
	KERNEL_BLOCK_Y,
	KERNEL_BLOCK_Z,
	KERNEL_STATIC,
	KERNEL_DYNAMIC,
	KERNEL_LOCAL,
	KERNEL_CLUSTER_X,
	KERNEL_CLUSTER_Y,
	KERNEL_CLUSTER_Z,
	KERNEL_GRAPH_NODE,
	KERNEL_GRAPH,
};

/* Device, context and stream stand in the same places of the tables of GPU work. */
enum { GPU_DEVICE = NSYS_COLUMN_OWN, GPU_CONTEXT, GPU_STREAM, GPU_CORRELATION, GPU_OWN };

/* The stream of a row; 0 for a row that says no device, which is counted then. */
static bool row_gpu_stream(struct nsys_import *import, const struct nsys_row *row,
			   int64_t *stream_id, struct error *error)
{
	int64_t device = nsys_row_integer(row, GPU_DEVICE, -1);
	*stream_id = 0;
	if (device < 0 || device > NSYS_DEVICE_MAX)
		return nsys_row_reject(import, row, "no device", error);
	struct stream_row stream = {
		.device_id = device, .context_id = nsys_row_integer(row, GPU_CONTEXT, 0),
		.number = nsys_id_32(nsys_row_integer(row, GPU_STREAM, 0)),
	};
	bool ok = nsys_process_stream(import, row->process, &stream, error);
	*stream_id = stream.stream_id;
	return ok;
}

/*
 * The fullest name there is: demangled with its template arguments, else mangled, else the bare
 * one.
 */
static bool kernel_name(struct nsys_import *import, const struct nsys_row *row, int64_t *name_id,
			struct error *error)
{
	static const int columns[] = { KERNEL_DEMANGLED, KERNEL_MANGLED, KERNEL_SHORT };
	*name_id = 0;
	for (size_t i = 0; i < sizeof columns / sizeof columns[0] && *name_id == 0; i++)
		if (!nsys_process_text(import, row->process, row->cursor, columns[i], name_id,
				       error))
			return false;
	return true;
}

static int64_t kernel_launch_type(int64_t type)
{
	return type == 2 || type == 3 ? type - 1 : 0;
}

static bool put_kernel(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct kernel_row kernel = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.correlation_id = nsys_row_integer(row, KERNEL_CORRELATION, 0),
		.graph_id = nsys_row_integer(row, KERNEL_GRAPH, 0),
		.graph_node_id = nsys_row_integer(row, KERNEL_GRAPH_NODE, 0),
	};
	struct kernel_symbol_row shape = {
		.grid_x = nsys_row_integer(row, KERNEL_GRID_X, 0),
		.grid_y = nsys_row_integer(row, KERNEL_GRID_Y, 0),
		.grid_z = nsys_row_integer(row, KERNEL_GRID_Z, 0),
		.block_x = nsys_row_integer(row, KERNEL_BLOCK_X, 0),
		.block_y = nsys_row_integer(row, KERNEL_BLOCK_Y, 0),
		.block_z = nsys_row_integer(row, KERNEL_BLOCK_Z, 0),
		.cluster_x = nsys_row_integer(row, KERNEL_CLUSTER_X, 0),
		.cluster_y = nsys_row_integer(row, KERNEL_CLUSTER_Y, 0),
		.cluster_z = nsys_row_integer(row, KERNEL_CLUSTER_Z, 0),
		.registers = nsys_row_integer(row, KERNEL_REGISTERS, 0),
		.static_shared_bytes = nsys_row_integer(row, KERNEL_STATIC, 0),
		.dynamic_shared_bytes = nsys_row_integer(row, KERNEL_DYNAMIC, 0),
		.local_bytes_per_thread = nsys_row_integer(row, KERNEL_LOCAL, 0),
		.launch_type = kernel_launch_type(nsys_row_integer(row, KERNEL_LAUNCH_TYPE, 0)),
	};
	if (!row_gpu_stream(import, row, &kernel.stream_id, error))
		return false;
	if (kernel.stream_id == 0)
		return true;
	if (!kernel_name(import, row, &shape.name_id, error) ||
	    !trace_writer_kernel_symbol(row->process->writer, &shape, error))
		return false;
	kernel.kernel_id = shape.kernel_id;
	return trace_put_kernel(row->process->writer, &kernel, error);
}

static const char *const memcpy_columns[] = {
	"globalPid",     "start!",    "end!",        "deviceId!", "contextId", "streamId!",
	"correlationId", "bytes!",    "copyKind!",   "srcKind",   "dstKind",   "srcDeviceId",
	"dstDeviceId",   "copyCount", "graphNodeId", "graphId",
};
enum {
	MEMCPY_BYTES = GPU_OWN,
	MEMCPY_KIND,
	MEMCPY_SOURCE,
	MEMCPY_DESTINATION,
	MEMCPY_SOURCE_DEVICE,
	MEMCPY_DESTINATION_DEVICE,
	MEMCPY_COUNT,
	MEMCPY_GRAPH_NODE,
	MEMCPY_GRAPH,
};

/*
 * The migrations of unified memory have kinds of their own (11 to 13) and may not say their memory.
 */
static void memcpy_set_kinds(struct memcpy_row *copy, int64_t kind)
{
	static const int64_t unified[] = { COPY_HTOD, COPY_DTOH, COPY_DTOD };
	copy->direction = kind >= 0 && kind < COPY_DIRECTION_COUNT ? kind : COPY_UNKNOWN;
	if (kind < 11 || kind > 13)
		return;
	copy->direction = unified[kind - 11];
	if (copy->source_memory == MEMORY_UNKNOWN)
		copy->source_memory = MEMORY_MANAGED;
	if (copy->destination_memory == MEMORY_UNKNOWN)
		copy->destination_memory = MEMORY_MANAGED;
}

static bool put_memcpy(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct memcpy_row copy = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.source_memory = nsys_memory_kind(nsys_row_integer(row, MEMCPY_SOURCE, -1)),
		.destination_memory =
			nsys_memory_kind(nsys_row_integer(row, MEMCPY_DESTINATION, -1)),
		.bytes = nsys_row_integer(row, MEMCPY_BYTES, 0),
		.source_device_id = -1,
		.destination_device_id = -1,
		.is_async = -1,
		.copy_count = nsys_row_integer(row, MEMCPY_COUNT, 0),
		.correlation_id = nsys_row_integer(row, GPU_CORRELATION, 0),
		.graph_id = nsys_row_integer(row, MEMCPY_GRAPH, 0),
		.graph_node_id = nsys_row_integer(row, MEMCPY_GRAPH_NODE, 0),
	};
	if (!row_gpu_stream(import, row, &copy.stream_id, error))
		return false;
	if (copy.stream_id == 0)
		return true;
	if (copy.bytes < 0)
		return nsys_row_reject(import, row, "negative size", error);
	memcpy_set_kinds(&copy, nsys_row_integer(row, MEMCPY_KIND, 0));
	int64_t source = nsys_id_32(nsys_row_integer(row, MEMCPY_SOURCE_DEVICE, -1));
	int64_t destination = nsys_id_32(nsys_row_integer(row, MEMCPY_DESTINATION_DEVICE, -1));
	if (copy.direction == COPY_PTOP ||
	    (source >= 0 && destination >= 0 && source != destination)) {
		copy.source_device_id = source;
		copy.destination_device_id = destination;
	}
	return trace_put_memcpy(row->process->writer, &copy, error);
}

static const char *const memset_columns[] = {
	"globalPid",     "start!", "end!",  "deviceId!", "contextId",   "streamId!",
	"correlationId", "bytes",  "value", "memKind",   "graphNodeId", "graphId",
};
enum { MEMSET_BYTES = GPU_OWN, MEMSET_VALUE, MEMSET_KIND, MEMSET_GRAPH_NODE, MEMSET_GRAPH };

static bool put_memset(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct memset_row set = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.memory = nsys_memory_kind(nsys_row_integer(row, MEMSET_KIND, -1)),
		.value = nsys_row_integer(row, MEMSET_VALUE, 0),
		.bytes = nsys_row_integer(row, MEMSET_BYTES, 0),
		.correlation_id = nsys_row_integer(row, GPU_CORRELATION, 0),
		.graph_id = nsys_row_integer(row, MEMSET_GRAPH, 0),
		.graph_node_id = nsys_row_integer(row, MEMSET_GRAPH_NODE, 0),
	};
	if (!row_gpu_stream(import, row, &set.stream_id, error))
		return false;
	if (set.stream_id == 0)
		return true;
	if (set.bytes < 0)
		return nsys_row_reject(import, row, "negative size", error);
	return trace_put_memset(row->process->writer, &set, error);
}

static const char *const graph_columns[] = {
	"globalPid", "start!",    "end!",          "deviceId!",
	"contextId", "streamId!", "correlationId", "graphId",
};
enum { GRAPH_ID = GPU_OWN };

static bool put_graph(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct graph_launch_row launch = {
		.start_ns = row->start_ns, .duration_ns = row->duration_ns,
		.graph_id = nsys_row_integer(row, GRAPH_ID, 0),
		.correlation_id = nsys_row_integer(row, GPU_CORRELATION, 0),
	};
	if (!row_gpu_stream(import, row, &launch.stream_id, error))
		return false;
	if (launch.stream_id == 0)
		return true;
	return trace_put_graph_launch(row->process->writer, &launch, error);
}

/* The tables whose rows make a process worth a database of its own. */
const struct nsys_table nsys_gpu_tables[NSYS_GPU_TABLE_COUNT] = {
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_KERNEL", NSYS_COLUMNS(kernel_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_kernel },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_MEMCPY", NSYS_COLUMNS(memcpy_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_memcpy },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_MEMSET", NSYS_COLUMNS(memset_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_memset },
	{ .select = { .table = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE", NSYS_COLUMNS(graph_columns) },
	  .times = NSYS_TIMES_RANGE, .put = put_graph },
};
