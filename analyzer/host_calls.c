/* SPDX-License-Identifier: MIT */
#include "analyzer/host_calls.h"

#include "analyzer/code_loading.h"
#include "analyzer/order.h"
#include "base/array.h"
#include "base/column.h"

#include <stdlib.h>
#include <string.h>

/* What a name begins with, after "cuda", "cu" or "hip"; the first that fits decides. */
static const struct {
	const char *begin;
	enum call_class class;
} call_kinds[] = {
	{ "LaunchHostFunc", CALL_OTHER },
	{ "Launch", CALL_LAUNCH },
	{ "GraphLaunch", CALL_LAUNCH },
	{ "ModuleLaunch", CALL_LAUNCH },
	{ "ExtLaunch", CALL_LAUNCH },
	{ "ExtModuleLaunch", CALL_LAUNCH },
	{ "Memset", CALL_COPY },
	{ "MemPrefetch", CALL_COPY },
	{ "DeviceSynchronize", CALL_SYNC },
	{ "StreamSynchronize", CALL_SYNC },
	{ "EventSynchronize", CALL_SYNC },
	{ "CtxSynchronize", CALL_SYNC },
	{ "ThreadSynchronize", CALL_SYNC },
	{ "Malloc", CALL_ALLOC },
	{ "Free", CALL_ALLOC },
	{ "HostAlloc", CALL_ALLOC },
	{ "HostMalloc", CALL_ALLOC },
	{ "HostFree", CALL_ALLOC },
	{ "HostRegister", CALL_ALLOC },
	{ "HostUnregister", CALL_ALLOC },
	{ "ArrayCreate", CALL_ALLOC },
	{ "MemAlloc", CALL_ALLOC },
	{ "MemFree", CALL_ALLOC },
	{ "MemHost", CALL_ALLOC },
	{ "MemCreate", CALL_ALLOC },
	{ "MemRelease", CALL_ALLOC },
	{ "MemMap", CALL_ALLOC },
	{ "MemUnmap", CALL_ALLOC },
	{ "MemSetAccess", CALL_ALLOC },
	{ "MemAddress", CALL_ALLOC },
	{ "MemPool", CALL_ALLOC },
	{ "ModuleLoad", CALL_LOAD },
	{ "ModuleGet", CALL_LOAD },
	{ "ModuleUnload", CALL_LOAD },
	{ "Library", CALL_LOAD },
	{ "Link", CALL_LOAD },
	{ "KernelGetFunction", CALL_LOAD },
	{ "FuncGetAttribute", CALL_LOAD },
	{ "FuncSetAttribute", CALL_LOAD },
	{ "FuncLoad", CALL_LOAD },
	{ "GetSymbol", CALL_LOAD },
};

static bool begins_with(const char *text, const char *begin)
{
	return strncmp(text, begin, strlen(begin)) == 0;
}

enum call_class call_class_of(const char *name)
{
	static const char *const families[] = { "cuda", "hip", "cu" };
	const char *rest = NULL;
	for (size_t i = 0; rest == NULL && i < sizeof families / sizeof families[0]; i++)
		if (begins_with(name, families[i]))
			rest = name + strlen(families[i]);
	if (rest == NULL)
		return CALL_OTHER;
	if (begins_with(rest, "Memcpy"))
		return strstr(rest, "Async") != NULL ? CALL_COPY : CALL_SYNC;
	for (size_t i = 0; i < sizeof call_kinds / sizeof call_kinds[0]; i++)
		if (begins_with(rest, call_kinds[i].begin))
			return call_kinds[i].class;
	return CALL_OTHER;
}

void host_times(int64_t row_start_ns, int64_t duration_ns, int64_t *start_ns, int64_t *end_ns)
{
	int64_t start = row_start_ns, length = duration_ns < 0 ? 0 : duration_ns;
	start = start > TIME_LIMIT_NS ? TIME_LIMIT_NS : start;
	start = start < -TIME_LIMIT_NS ? -TIME_LIMIT_NS : start;
	*start_ns = start;
	*end_ns = length > TIME_LIMIT_NS - start ? TIME_LIMIT_NS : start + length;
}

bool host_thread_place(struct host_calls *calls, int64_t thread_id, uint32_t *place)
{
	if (dense_ids_find(&calls->thread_places, thread_id, place))
		return true;
	struct host_thread *threads = array_grow(calls->threads, &calls->thread_room,
						 calls->thread_count, sizeof *threads);
	if (threads == NULL)
		return false;
	calls->threads = threads;
	*place = (uint32_t)calls->thread_count;
	threads[calls->thread_count++] = (struct host_thread){ .thread_id = thread_id };
	return dense_ids_put(&calls->thread_places, thread_id, *place);
}

static bool calls_resize(struct host_calls *calls, size_t room)
{
	if (room > ORDER_ROWS_MAX ||
	    !column_resize(&calls->start_ns, room, sizeof *calls->start_ns) ||
	    !column_resize(&calls->end_ns, room, sizeof *calls->end_ns) ||
	    !column_resize(&calls->thread, room, sizeof *calls->thread) ||
	    !column_resize(&calls->name, room, sizeof *calls->name) ||
	    !column_resize(&calls->correlation_id, room, sizeof *calls->correlation_id))
		return false;
	calls->room = room;
	return true;
}

static bool calls_grow(struct host_calls *calls)
{
	return calls_resize(calls, calls->room + calls->room / 2 + 1024);
}

struct name_places {
	struct dense_ids places;
	struct trace_reader *reader;
};

static bool name_place(struct host_calls *calls, struct name_places *names, int64_t name_id,
		       uint32_t *place)
{
	if (dense_ids_find(&names->places, name_id, place))
		return true;
	struct call_name *list = array_grow(calls->names, &calls->name_room, calls->name_count,
					    sizeof *list);
	if (list == NULL)
		return false;
	calls->names = list;
	*place = (uint32_t)calls->name_count;
	const char *name = trace_reader_string(names->reader, name_id);
	list[calls->name_count++] = (struct call_name){ name, call_class_of(name) };
	return dense_ids_put(&names->places, name_id, *place);
}

static bool calls_add(struct host_calls *calls, struct name_places *names,
		      const struct api_call_row *row)
{
	uint32_t thread = 0, name = 0;
	if (!host_thread_place(calls, row->thread_id, &thread) ||
	    !name_place(calls, names, row->name_id, &name) ||
	    (calls->count == calls->room && !calls_grow(calls)))
		return false;
	size_t at = calls->count++;
	host_times(row->start_ns, row->duration_ns, &calls->start_ns[at], &calls->end_ns[at]);
	calls->thread[at] = thread;
	calls->name[at] = name;
	calls->correlation_id[at] = row->correlation_id;
	return true;
}

static bool calls_read(struct host_calls *calls, struct trace_reader *reader, bool *is_short,
		       struct error *error)
{
	struct name_places names = { .reader = reader };
	struct trace_cursor *cursor = NULL;
	struct api_call_row row;
	int result = 0;
	size_t rows = trace_reader_estimate_rows(reader, TABLE_api_call);
	if (rows > 0)
		(void)calls_resize(calls, rows);	/* else it grows as the rows come */
	if (!trace_reader_select(reader, TABLE_api_call, HOST_CALL_COLUMNS, -1, &cursor, error))
		return false;
	while (!*is_short && (result = trace_cursor_next(cursor, &row, error)) == 1) {
		calls->row_count++;
		*is_short = !calls_add(calls, &names, &row);
	}
	trace_cursor_close(cursor);
	dense_ids_end(&names.places);
	return result >= 0;
}

/*
 * By thread and start. `row`: where each row was. The correlation ids stay as they came, which is
 * about their own order.
 */
static bool calls_sort(struct host_calls *calls, uint32_t *row)
{
	struct order_column columns[] = {
		{ calls->start_ns, sizeof *calls->start_ns },
		{ calls->end_ns, sizeof *calls->end_ns },
		{ calls->name, sizeof *calls->name },
		{ row, sizeof *row },
	};
	enum { COLUMNS = sizeof columns / sizeof columns[0] };
	if (!order_groups(calls->thread, calls->count, calls->thread_count, columns, COLUMNS))
		return false;
	for (size_t begin = 0, end; begin < calls->count; begin = end) {
		uint32_t thread = calls->thread[begin];
		struct order_column part[COLUMNS];
		for (end = begin + 1; end < calls->count && calls->thread[end] == thread;)
			end++;
		for (size_t c = 0; c < COLUMNS; c++)
			part[c] = (struct order_column){
				(char *)columns[c].values + begin * columns[c].size, columns[c].size
			};
		if (!order_rows(calls->start_ns + begin, end - begin, part, COLUMNS))
			return false;
	}
	return true;
}

/*
 * Drops calls inside other calls; `calls->place` becomes the place of the call that stands for each
 * row.
 */
static void calls_fold(struct host_calls *calls, const uint32_t *row)
{
	size_t to = 0;
	for (size_t i = 0; i < calls->count; i++) {
		enum call_class class = calls->names[calls->name[i]].class;
		bool is_inner = to > 0 && calls->thread[to - 1] == calls->thread[i] &&
				calls->start_ns[i] >= calls->start_ns[to - 1] &&
				calls->end_ns[i] <= calls->end_ns[to - 1] &&
				calls->start_ns[i] < calls->end_ns[to - 1];
		if (is_inner) {
			int64_t inner_ns = calls->end_ns[i] - calls->start_ns[i];
			int64_t outer_ns = calls->end_ns[to - 1] - calls->start_ns[to - 1];
			if (class > calls->class[to - 1] && inner_ns >= outer_ns - inner_ns)
				calls->class[to - 1] = (uint8_t)class;
			calls->place[row[i]] = (uint32_t)(to - 1);
			continue;
		}
		/* One thread makes one call at a time, whatever clocks have rounded. */
		if (to > 0 && calls->thread[to - 1] == calls->thread[i] &&
		    calls->end_ns[to - 1] > calls->start_ns[i])
			calls->end_ns[to - 1] = calls->start_ns[i];
		calls->place[row[i]] = (uint32_t)to;
		calls->start_ns[to] = calls->start_ns[i];
		calls->end_ns[to] = calls->end_ns[i];
		calls->thread[to] = calls->thread[i];
		calls->name[to] = calls->name[i];
		calls->class[to++] = (uint8_t)class;
	}
	calls->count = to;
}

static void threads_find(struct host_calls *calls)
{
	for (size_t i = 0; i < calls->count; i++) {
		struct host_thread *thread = &calls->threads[calls->thread[i]];
		if (thread->end == 0)
			thread->first = i;
		thread->end = i + 1;
	}
}

/*
 * From rows as they came to ids in order, each once, with its earliest call; of calls at the same
 * time the one at the lowest place.
 */
static bool launches_make(struct host_calls *calls, size_t rows)
{
	const struct order_column columns[] = {
		{ calls->correlation_id, sizeof *calls->correlation_id },
		{ calls->launch_ns, sizeof *calls->launch_ns },
		{ calls->place, sizeof *calls->place },
	};
	if (!order_rows(calls->correlation_id, rows, columns, 3))
		return false;
	size_t to = 0;
	for (size_t i = 0; i < rows; i++) {
		if (calls->correlation_id[i] == 0)
			continue;
		bool is_new = to == 0 || calls->correlation_id[to - 1] != calls->correlation_id[i];
		if (!is_new && (calls->launch_ns[i] > calls->launch_ns[to - 1] ||
				(calls->launch_ns[i] == calls->launch_ns[to - 1] &&
				 calls->place[i] >= calls->place[to - 1])))
			continue;
		size_t at = is_new ? to++ : to - 1;
		calls->correlation_id[at] = calls->correlation_id[i];
		calls->launch_ns[at] = calls->launch_ns[i];
		calls->place[at] = calls->place[i];
	}
	calls->launch_count = to;
	return true;
}

static bool calls_arrange(struct host_calls *calls)
{
	size_t rows = calls->count;
	uint32_t *row = column_new(rows, sizeof *row);
	calls->class = column_new(rows, sizeof *calls->class);
	calls->place = column_new(rows, sizeof *calls->place);
	calls->launch_ns = column_new(rows, sizeof *calls->launch_ns);
	bool ok = row != NULL && calls->class != NULL && calls->place != NULL &&
		calls->launch_ns != NULL;
	if (ok) {
		for (size_t i = 0; i < rows; i++)
			row[i] = (uint32_t)i;
		if (rows > 0)
			memcpy(calls->launch_ns, calls->start_ns, rows * sizeof *calls->launch_ns);
		ok = calls_sort(calls, row);
	}
	if (ok) {
		calls_fold(calls, row);
		threads_find(calls);
		ok = launches_make(calls, rows);
	}
	free(row);
	return ok;
}

bool host_calls_load(struct host_calls *calls, struct trace_reader *reader, struct error *error)
{
	bool is_short = false;
	if (!calls_read(calls, reader, &is_short, error))
		return false;
	if (is_short || !calls_arrange(calls))
		return fail(error, ERROR_SYSTEM,
			    "cannot analyse '%s': no memory for %lld API calls",
			    trace_reader_path(reader), (long long)calls->row_count);
	return code_loading_mark(calls, reader, error);
}

/* The first place in [begin, end) whose id is not below. */
static size_t launches_search(const struct host_calls *calls, int64_t correlation_id, size_t begin,
			      size_t end)
{
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (calls->correlation_id[middle] < correlation_id)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

/* The same of all ids; in ever wider strides from `near`, for ids come in about their order. */
static size_t launches_search_from(const struct host_calls *calls, int64_t correlation_id,
				   size_t near)
{
	const int64_t *ids = calls->correlation_id;
	size_t begin = near, end = near, count = calls->launch_count;
	for (size_t stride = 1; end < count && ids[end] < correlation_id; stride *= 2) {
		begin = end + 1;
		end = count - end > stride ? end + stride : count;
	}
	for (size_t stride = 1; begin > 0 && ids[begin - 1] >= correlation_id; stride *= 2) {
		end = begin - 1;
		begin = begin > stride ? begin - stride : 0;
	}
	return launches_search(calls, correlation_id, begin, end);
}

bool host_calls_find(struct host_calls *calls, int64_t correlation_id, int64_t *launch_ns,
		     uint32_t *place)
{
	if (calls->launch_count == 0 || correlation_id == 0)
		return false;
	size_t at = launches_search_from(calls, correlation_id, calls->last_found);
	if (at == calls->launch_count || calls->correlation_id[at] != correlation_id)
		return false;
	calls->last_found = at;
	*launch_ns = calls->launch_ns[at];
	*place = calls->place[at];
	return true;
}

void host_calls_end_loading(struct host_calls *calls)
{
	free(calls->correlation_id);
	free(calls->launch_ns);
	free(calls->place);
	calls->correlation_id = NULL;
	calls->launch_ns = NULL;
	calls->place = NULL;
	calls->launch_count = 0;
}

void host_calls_end(struct host_calls *calls)
{
	host_calls_end_loading(calls);
	dense_ids_end(&calls->thread_places);
	free(calls->start_ns);
	free(calls->end_ns);
	free(calls->thread);
	free(calls->name);
	free(calls->class);
	free(calls->threads);
	free(calls->names);
	*calls = (struct host_calls){ 0 };
}
