/* SPDX-License-Identifier: MIT */
#include "viewer-export/nsys_session.h"

#include "base/array.h"
#include "tracedb/demangle.h"
#include "viewer-export/kernel_name.h"
#include "viewer-export/span.h"

#include <stdlib.h>
#include <string.h>

enum {
	PID_BITS = 24,
	ID_MAX = (1 << PID_BITS) - 1,
	MACHINES_MAX = 255,
	HARDWARE_MAX = 127,	/* beyond it ids would be negative */
	NAME_BYTES = 64 * 1024,
};

bool nsys_trace_no_memory(const struct nsys_trace *trace, struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export '%s'",
		    trace_reader_path(trace->reader));
}

/* The first free pair of ids for a trace among those before it. */
static bool identity_find(struct nsys_session *session, size_t index, struct error *error)
{
	struct nsys_identity *own = &session->identities[index];
	const struct trace_row *trace = session->set->traces[index].source->trace;
	int64_t machines = 0;
	/* A pid is at most 2^22 on Linux; what does not fit is not one, and 0 is nobody's. */
	own->pid = trace->pid > 0 && trace->pid <= ID_MAX ? trace->pid : 0;
	own->host = trace->host;
	for (size_t i = 0; i < index; i++) {
		const struct nsys_identity *other = &session->identities[i];
		if (other->machine_id > machines)
			machines = other->machine_id;
		if (strcmp(other->host, own->host) != 0)
			continue;
		own->machine_id = other->machine_id;
		if (other->pid == own->pid)
			own->hardware_id = other->hardware_id + 1;
	}
	if (own->machine_id == 0)
		own->machine_id = machines + 1;
	if (own->machine_id <= MACHINES_MAX && own->hardware_id <= HARDWARE_MAX)
		return true;
	return fail(error, ERROR_INPUT,
		    "the Nsight Systems layout holds no more than %d hosts and %d processes of "
		    "one pid: choose traces with --ranks",
		    MACHINES_MAX, HARDWARE_MAX + 1);
}

/* Time 0 is the earliest epoch, or an event that lies before it: no time is negative. */
static void base_widen(struct nsys_session *session, const struct export_trace *trace)
{
	int64_t first_ns = trace->epoch_ns, event_ns;
	if (trace->has_time && trace->first_ns < 0 &&
	    !__builtin_add_overflow(trace->epoch_ns, trace->first_ns, &event_ns))
		first_ns = event_ns;
	int64_t *base_ns = &session->base_ns[trace->is_unix];
	if (!session->has_base[trace->is_unix] || *base_ns > first_ns)
		*base_ns = first_ns;
	session->has_base[trace->is_unix] = true;
}

bool nsys_session_begin(struct nsys_session *session, const struct export_set *set,
			struct nsys_writer *writer, struct error *error)
{
	*session = (struct nsys_session){ .writer = writer, .set = set };
	session->identities = calloc(set->count + 1, sizeof session->identities[0]);
	session->name = malloc(NAME_BYTES);
	if (session->identities == NULL || session->name == NULL)
		return fail(error, ERROR_SYSTEM, "no memory to export");
	for (size_t i = 0; i < set->count; i++) {
		if (!identity_find(session, i, error))
			return false;
		base_widen(session, &set->traces[i]);
	}
	return true;
}

void nsys_session_end(struct nsys_session *session)
{
	free(session->identities);
	bytes_map_end(&session->gpus);
	free(session->name);
}

int64_t nsys_time(const struct nsys_trace *trace, int64_t time_ns)
{
	int64_t result;
	if (__builtin_add_overflow(time_ns, trace->offset_ns, &result))
		return time_ns < 0 ? INT64_MIN : INT64_MAX;
	return result;
}

bool nsys_span(const struct nsys_trace *trace, int64_t start_ns, int64_t duration_ns,
	       int64_t *start, int64_t *end)
{
	const struct export_trace *from = trace->from;
	int64_t end_ns;
	if (duration_ns < 0)
		duration_ns = 0;
	if (__builtin_add_overflow(start_ns, duration_ns, &end_ns))
		end_ns = INT64_MAX;
	*start = nsys_time(trace, start_ns);
	*end = nsys_time(trace, end_ns);
	return !from->has_window ||
	       span_touches(start_ns, end_ns, from->window_start_ns, from->window_end_ns);
}

bool nsys_walk(struct nsys_session *session, struct nsys_trace *trace, enum trace_table table,
	       nsys_row_put put, struct error *error)
{
	union {
		union span_row span;
		struct stream_row stream;
		struct kernel_symbol_row symbol;
		struct thread_row thread;
		struct context_row context;
		struct device_row device;
		struct loss_row loss;
	} row;
	struct trace_cursor *cursor = NULL;
	int result;
	if (!trace_reader_select(trace->reader, table, 0, -1, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) > 0)
		if (!put(session, trace, &row, error)) {
			result = -1;
			break;
		}
	trace_cursor_close(cursor);
	return result == 0;
}

static bool take_stream(struct nsys_session *session, struct nsys_trace *trace, const void *row,
			struct error *error)
{
	const struct stream_row *stream = row;
	(void)session;
	struct stream_row *streams = array_grow(trace->streams, &trace->stream_room,
						trace->stream_count, sizeof *streams);
	if (streams == NULL)
		return nsys_trace_no_memory(trace, error);
	trace->streams = streams;
	streams[trace->stream_count] = *stream;
	return id_map_put(&trace->stream_index, (uint64_t)stream->stream_id,
			  (int64_t)trace->stream_count++) ||
	       nsys_trace_no_memory(trace, error);
}

/* "f" of "a::b::f<int>(int*)": what is left without namespaces, arguments and parameters. */
static struct name_part name_base(const char *name)
{
	const char *parameters;
	struct name_part part = kernel_name_short(name, &parameters);
	size_t end = part.length, depth = 0, begin;
	if (end > 0 && part.bytes[end - 1] == '>') {
		do {
			end--;
			depth += part.bytes[end] == '>';
			depth -= part.bytes[end] == '<' && depth > 0;
		} while (end > 0 && depth > 0);
	}
	if (end == 0)
		return part;
	for (begin = end; begin > 0 && part.bytes[begin - 1] != ':' &&
			  part.bytes[begin - 1] != ' ' && part.bytes[begin - 1] != ')';)
		begin--;
	return begin == end ? part : (struct name_part){ part.bytes + begin, end - begin };
}

static bool symbol_name(struct nsys_session *session, struct nsys_trace *trace,
			struct nsys_symbol *symbol, struct error *error)
{
	const char *name = trace_reader_string(trace->reader, symbol->row.name_id);
	const char *whole = demangle_symbol(name, session->name, NAME_BYTES);
	/* A name that had to be cut would be another one. */
	if (whole != name && strlen(whole) + 1 >= NAME_BYTES)
		whole = name;
	if (!nsys_writer_string(session->writer, whole, &symbol->demangled, error) ||
	    (whole != name && !nsys_writer_string(session->writer, name, &symbol->mangled, error)))
		return false;
	struct name_part base = name_base(whole);
	char *copy = strndup(base.bytes, base.length);
	if (copy == NULL)
		return nsys_trace_no_memory(trace, error);
	bool ok = nsys_writer_string(session->writer, copy, &symbol->base, error);
	free(copy);
	return ok;
}

static bool take_symbol(struct nsys_session *session, struct nsys_trace *trace, const void *row,
			struct error *error)
{
	struct nsys_symbol *symbols = array_grow(trace->symbols, &trace->symbol_room,
						 trace->symbol_count, sizeof *symbols);
	if (symbols == NULL)
		return nsys_trace_no_memory(trace, error);
	trace->symbols = symbols;
	struct nsys_symbol *symbol = &symbols[trace->symbol_count];
	*symbol = (struct nsys_symbol){ .row = *(const struct kernel_symbol_row *)row };
	return symbol_name(session, trace, symbol, error) &&
	       (id_map_put(&trace->symbol_index, (uint64_t)symbol->row.kernel_id,
			   (int64_t)trace->symbol_count++) ||
		nsys_trace_no_memory(trace, error));
}

bool nsys_trace_begin(struct nsys_trace *trace, struct nsys_session *session, size_t index,
		      struct error *error)
{
	const struct export_trace *from = &session->set->traces[index];
	const struct nsys_identity *identity = &session->identities[index];
	*trace = (struct nsys_trace){
		.from = from,
		.reader = from->reader,
		.hardware_id = identity->hardware_id,
		.machine_id = identity->machine_id,
		.pid = identity->pid,
		.next_thread_id = ID_MAX,
	};
	trace->global_pid = trace->hardware_id << 56 | trace->machine_id << 48 |
			    trace->pid << PID_BITS;
	if (__builtin_sub_overflow(from->epoch_ns, session->base_ns[from->is_unix],
				   &trace->offset_ns))
		trace->offset_ns = 0;
	return trace_reader_load_strings(trace->reader, error) &&
	       nsys_walk(session, trace, TABLE_stream, take_stream, error) &&
	       nsys_walk(session, trace, TABLE_kernel_symbol, take_symbol, error);
}

void nsys_trace_end(struct nsys_trace *trace)
{
	free(trace->streams);
	free(trace->symbols);
	id_map_end(&trace->stream_index);
	id_map_end(&trace->symbol_index);
	id_map_end(&trace->strings);
	id_map_end(&trace->threads);
	id_map_end(&trace->domains);
	bytes_map_end(&trace->categories);
}

const struct stream_row *nsys_trace_stream(const struct nsys_trace *trace, int64_t stream_id)
{
	int64_t index;
	return id_map_get(&trace->stream_index, (uint64_t)stream_id, &index) ?
		       &trace->streams[index] : NULL;
}

const struct nsys_symbol *nsys_trace_symbol(const struct nsys_trace *trace, int64_t kernel_id)
{
	int64_t index;
	return id_map_get(&trace->symbol_index, (uint64_t)kernel_id, &index) ?
		       &trace->symbols[index] : NULL;
}

bool nsys_trace_string(struct nsys_trace *trace, struct nsys_session *session, int64_t string_id,
		       int64_t *id, struct error *error)
{
	if (id_map_get(&trace->strings, (uint64_t)string_id, id))
		return true;
	return nsys_writer_string(session->writer, trace_reader_string(trace->reader, string_id),
				  id, error) &&
	       (id_map_put(&trace->strings, (uint64_t)string_id, *id) ||
		nsys_trace_no_memory(trace, error));
}

/* Framework traces have thread numbers of their own, which may not fit: those get free ones. */
bool nsys_trace_thread(struct nsys_trace *trace, int64_t thread_id, int64_t *global_tid,
		       struct error *error)
{
	int64_t id = thread_id;
	if (thread_id < 0 || thread_id > ID_MAX) {
		if (!id_map_get(&trace->threads, (uint64_t)thread_id, &id)) {
			id = trace->next_thread_id;
			trace->next_thread_id -= id > 1;
			if (!id_map_put(&trace->threads, (uint64_t)thread_id, id))
				return nsys_trace_no_memory(trace, error);
		}
	}
	*global_tid = trace->global_pid | id;
	return true;
}
