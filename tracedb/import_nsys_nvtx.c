/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_nvtx.h"

#include "tracedb/import_nsys_communicator.h"
#include "tracedb/import_nsys_payload.h"
#include "tracedb/import_nsys_rows.h"
#include "tracedb/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum { JSON_BYTES_MAX = 1024 * 1024, JSON_DEPTH_MAX = 64 };

/* ENUM_NSYS_EVENT_TYPE */
enum nsys_event_type {
	EVENT_CATEGORY = 33,
	EVENT_MARK = 34,
	EVENT_THREAD = 39,
	EVENT_PUSH_POP = 59,
	EVENT_START_END = 60,
	EVENT_DOMAIN_CREATE = 75,
	EVENT_DOMAIN_DESTROY = 76,
};

static const char *const nvtx_columns[] = {
	"globalTid",   "start!",     "end",         "eventType!",  "category",
	"color",       "text",       "textId",      "domainId",    "endGlobalTid",
	"uint64Value", "int64Value", "doubleValue", "uint32Value", "int32Value",
	"floatValue",  "jsonTextId", "jsonText",    "binaryData",
};
enum {
	NVTX_TYPE = NSYS_COLUMN_OWN,
	NVTX_CATEGORY,
	NVTX_COLOR,
	NVTX_TEXT,
	NVTX_TEXT_ID,
	NVTX_DOMAIN,
	NVTX_END_THREAD,
	NVTX_UINT64,
	NVTX_INT64,
	NVTX_DOUBLE,
	NVTX_UINT32,
	NVTX_INT32,
	NVTX_FLOAT,
	NVTX_JSON_ID,
	NVTX_JSON,
	NVTX_BINARY,
};

/* Registered texts stand in textId, others in text. */
static bool row_name(struct nsys_import *import, const struct nsys_row *row, int64_t *name_id,
		     struct error *error)
{
	if (!nsys_process_text(import, row->process, row->cursor, NVTX_TEXT_ID, name_id, error))
		return false;
	return *name_id != 0 ||
	       nsys_process_text(import, row->process, row->cursor, NVTX_TEXT, name_id, error);
}

/* The same as bytes; borrowed until the next row. NULL without a name. */
static bool row_name_bytes(struct nsys_import *import, const struct nsys_row *row,
			   const char **bytes, size_t *length, struct error *error)
{
	int64_t id;
	int found = 0;
	*bytes = NULL;
	if (nsys_cursor_integer(row->cursor, NVTX_TEXT_ID, &id))
		found = nsys_file_string(import->file, id, bytes, length, error);
	if (found == 0)
		*bytes = nsys_cursor_text(row->cursor, NVTX_TEXT, length);
	return found >= 0;
}

/*
 * What a range's name says of NCCL, looked at once per name: value operation or 0, extra 1 if it is
 * a call.
 */
static const struct nsys_entry *row_call(struct nsys_import *import, const struct nsys_row *row,
					 int64_t name_id, struct error *error)
{
	struct nsys_process *process = row->process;
	struct nsys_entry *call = nsys_list_find(&process->operations, name_id);
	if (call != NULL)
		return call;
	size_t length = 0;
	int64_t operation_id = 0;
	const char *name;
	if (!row_name_bytes(import, row, &name, &length, error))
		return NULL;
	bool is_call = name != NULL && length > 4 && memcmp(name, "nccl", 4) == 0 &&
		       name[4] >= 'A' && name[4] <= 'Z';
	const char *operation = is_call ? nccl_operation_of_call(name, length) : NULL;
	if (operation == NULL)
		operation = "";
	if (!trace_writer_string(process->writer, operation, strlen(operation), &operation_id,
				 error))
		return NULL;
	call = nsys_list_add(&process->operations, name_id, operation_id);
	if (call == NULL)
		(void)nsys_no_memory(import, error);
	else
		call->extra = is_call;
	return call;
}

/*
 * Name of the domain. Domain 0 has none. An export cut to a window lacks the rows that name
 * domains: then NCCL's is known by its functions, others keep their number.
 */
static bool row_domain(const struct nsys_row *row, bool is_nccl, int64_t *domain_id,
		       struct error *error)
{
	char name[40];
	int64_t domain = nsys_row_integer(row, NVTX_DOMAIN, 0);
	const struct nsys_entry *known = nsys_list_find(&row->process->domains, domain);
	*domain_id = known == NULL ? 0 : known->value;
	if (known != NULL || domain == 0)
		return true;
	(void)snprintf(name, sizeof name, "domain %lld", (long long)domain);
	const char *shown = is_nccl ? "NCCL" : name;
	return trace_writer_string(row->process->writer, shown, strlen(shown), domain_id, error);
}

static int64_t row_category(const struct nsys_row *row)
{
	const int64_t key[2] = { nsys_row_integer(row, NVTX_DOMAIN, 0),
				 nsys_row_integer(row, NVTX_CATEGORY, 0) };
	int64_t name_id = 0;
	(void)bytes_map_get(&row->process->categories, key, sizeof key, &name_id);
	return name_id;
}

/* A payload in JSON while it is read. */
struct json_payload {
	int depth;
	bool is_member;			/* of the object itself, not of one in it */
	char name[48];
	size_t name_length;
	struct nsys_nccl_payload *nccl;
};

/* Who embeds a payload in a file of his own must not meet more levels than a viewer can take. */
static int json_open(void *context)
{
	struct json_payload *payload = context;
	payload->is_member = false;
	return ++payload->depth <= JSON_DEPTH_MAX;
}

static int json_close(void *context)
{
	((struct json_payload *)context)->depth--;
	return 1;
}

static int json_name(void *context, const unsigned char *name, size_t length)
{
	struct json_payload *payload = context;
	payload->is_member = payload->depth == 1 && length <= sizeof payload->name;
	if (payload->is_member) {
		memcpy(payload->name, name, length);
		payload->name_length = length;
	}
	return 1;
}

static int json_value(struct json_payload *payload, const char *value, size_t length, bool is_text)
{
	if (payload->is_member)
		nsys_payload_take(payload->nccl, payload->name, payload->name_length, value, length,
				  is_text);
	payload->is_member = false;
	return 1;
}

static int json_number(void *context, const char *number, size_t length)
{
	return json_value(context, number, length, false);
}

static int json_text(void *context, const unsigned char *text, size_t length)
{
	return json_value(context, (const char *)text, length, true);
}

/* Is it JSON? Then the fields of NCCL, too. False: memory is short. */
static bool json_read(const char *bytes, size_t length, bool *is_valid,
		      struct nsys_nccl_payload *nccl)
{
	static const yajl_callbacks callbacks = {
		.yajl_start_map = json_open, .yajl_end_map = json_close,
		.yajl_start_array = json_open, .yajl_end_array = json_close,
		.yajl_map_key = json_name, .yajl_number = json_number, .yajl_string = json_text,
	};
	struct json_payload payload = { .nccl = nccl };
	yajl_handle handle = yajl_alloc(&callbacks, NULL, &payload);
	if (handle == NULL)
		return false;
	*is_valid = yajl_parse(handle, (const unsigned char *)bytes, length) == yajl_status_ok &&
		    yajl_complete_parse(handle) == yajl_status_ok;
	yajl_free(handle);
	if (!*is_valid)
		*nccl = (struct nsys_nccl_payload){ .reduction = "" };
	return true;
}

/* The simple payload of the attributes, of which one member at most is set. */
static void row_add_number(const struct nsys_row *row, struct text *json)
{
	int64_t value;
	double real;
	if (nsys_cursor_integer(row->cursor, NVTX_UINT64, &value))
		/* Readers that keep numbers as doubles lose digits beyond 2^53. */
		text_add_format(json, value >> 53 == 0 ? "%llu" : "\"%llu\"",
				(unsigned long long)value);
	else if (nsys_cursor_integer(row->cursor, NVTX_INT64, &value) ||
		 nsys_cursor_integer(row->cursor, NVTX_UINT32, &value) ||
		 nsys_cursor_integer(row->cursor, NVTX_INT32, &value))
		text_add_integer(json, value);
	else if (nsys_cursor_real(row->cursor, NVTX_DOUBLE, &real))
		nsys_json_add_real(json, real, 17);
	else if (nsys_cursor_real(row->cursor, NVTX_FLOAT, &real))
		nsys_json_add_real(json, real, 9);
}

/* JSON that the export holds; kept as a JSON string where it is none. */
static bool row_add_json_text(struct nsys_import *import, const struct nsys_row *row,
			      struct text *json, struct nsys_nccl_payload *nccl,
			      struct error *error)
{
	int64_t id;
	size_t length = 0;
	const char *bytes = nsys_cursor_text(row->cursor, NVTX_JSON, &length);
	if (bytes == NULL && nsys_cursor_integer(row->cursor, NVTX_JSON_ID, &id) &&
	    nsys_file_string(import->file, id, &bytes, &length, error) < 0)
		return false;
	if (bytes == NULL || length == 0)
		return true;
	bool is_valid = false;
	if (memchr(bytes, 0, length) == NULL && !json_read(bytes, length, &is_valid, nccl))
		return nsys_no_memory(import, error);
	if (is_valid)
		text_add_bytes(json, bytes, length);
	else
		text_add_json_bytes(json, bytes, length);
	return true;
}

/* Decodes the extended payload; false if there is none that is understood. */
static bool row_decode(const struct nsys_import *import, const struct nsys_row *row,
		       struct text *json, struct nsys_nccl_payload *nccl)
{
	size_t size = 0;
	bool is_text = false;
	const void *bytes = nsys_cursor_bytes(row->cursor, NVTX_BINARY, &size, &is_text);
	*nccl = (struct nsys_nccl_payload){ .reduction = "" };
	return bytes != NULL &&
	       nsys_payload_decode(import->payloads, bytes, size, is_text, json, nccl);
}

static bool row_payload(struct nsys_import *import, const struct nsys_row *row, int64_t *payload_id,
			struct nsys_nccl_payload *nccl, struct error *error)
{
	struct trace_writer *writer = row->process->writer;
	struct text json;
	size_t size = 0;
	bool is_text = false;
	text_begin(&json, JSON_BYTES_MAX);
	*payload_id = 0;
	bool ok = true;
	if (!row_decode(import, row, &json, nccl)) {
		text_clear(&json);
		ok = row_add_json_text(import, row, &json, nccl, error);
		if (ok && json.length == 0 &&
		    nsys_cursor_bytes(row->cursor, NVTX_BINARY, &size, &is_text) != NULL)
			ok = trace_writer_loss(writer, "import",
					       "NVTX_EVENTS: payload without a known layout", 1,
					       row->start_ns, error);
		else if (ok && json.length == 0)
			row_add_number(row, &json);
	}
	if (ok && !text_is_ok(&json))
		ok = trace_writer_loss(writer, "import", "NVTX_EVENTS: payload too long", 1,
				       row->start_ns, error);
	else if (ok)
		ok = trace_writer_string(writer, text_string(&json), json.length, payload_id,
					 error);
	text_end(&json);
	return ok;
}

static bool put_collective(const struct nsys_row *row, const struct range_row *range,
			   int64_t operation_id, const struct nsys_nccl_payload *nccl,
			   struct error *error)
{
	struct trace_writer *writer = row->process->writer;
	struct collective_row collective = {
		.start_ns = range->start_ns,
		.duration_ns = range->duration_ns,
		.thread_id = range->thread_id,
		.witness = WITNESS_NVTX,
		.operation_id = operation_id,
		.bytes = nccl->value[NSYS_NCCL_BYTES] < 0 ? -1 : nccl->value[NSYS_NCCL_BYTES],
		.count = -1,
		.peer = nccl->has[NSYS_NCCL_PEER] ? nccl->value[NSYS_NCCL_PEER] : -1,
		.sequence = -1,
	};
	if (nccl->has[NSYS_NCCL_COMMUNICATOR] &&
	    !nsys_communicator_of(row->process, nccl->value[NSYS_NCCL_COMMUNICATOR],
				  &collective.communicator_id))
		return fail(error, ERROR_SYSTEM, "cannot import: no memory for communicators");
	/* Operators made by the program lie outside the enumeration: their number is all there is.
	 */
	char number[24] = "";
	if (nccl->has[NSYS_NCCL_REDUCTION])
		(void)snprintf(number, sizeof number, "%lld",
			       (long long)nccl->value[NSYS_NCCL_REDUCTION]);
	const char *reduction = *nccl->reduction != 0 ? nccl->reduction : number;
	return trace_writer_string(writer, reduction, strlen(reduction), &collective.reduction_id,
				   error) &&
	       trace_put_collective(writer, &collective, error);
}

static bool put_range(struct nsys_import *import, const struct nsys_row *row, bool is_open,
		      struct error *error)
{
	int64_t end_thread = 0, operation_id = 0;
	const struct nsys_entry *call = NULL;
	struct nsys_nccl_payload nccl;
	struct range_row range = {
		.start_ns = row->start_ns,
		.duration_ns = row->duration_ns,
		.kind = nsys_row_integer(row, NVTX_TYPE, 0) == EVENT_START_END ? RANGE_START_END
									       : RANGE_PUSH_POP,
		.category_id = row_category(row),
		.color = nsys_row_integer(row, NVTX_COLOR, 0) & 0xffffffff,
		.is_open = is_open,
	};
	if (is_open) {
		int64_t end_ns = row->process->end_ns;
		if (end_ns < import->duration_ns)
			end_ns = import->duration_ns;
		range.duration_ns = end_ns - range.start_ns;
	}
	if (!nsys_process_thread(import, row->process, row->has_owner, row->owner, &range.thread_id,
				 error) ||
	    !row_name(import, row, &range.name_id, error) ||
	    (call = row_call(import, row, range.name_id, error)) == NULL ||
	    !row_domain(row, call->extra == 1, &range.domain_id, error) ||
	    !row_payload(import, row, &range.payload_id, &nccl, error))
		return false;
	operation_id = call->value;
	range.end_thread_id = range.thread_id;
	if (nsys_cursor_integer(row->cursor, NVTX_END_THREAD, &end_thread) && end_thread != 0 &&
	    !nsys_process_thread(import, row->process, true, end_thread, &range.end_thread_id,
				 error))
		return false;
	if (!trace_put_range(row->process->writer, &range, error))
		return false;
	return operation_id == 0 || !nccl.has[NSYS_NCCL_BYTES] ||
	       put_collective(row, &range, operation_id, &nccl, error);
}

static bool put_mark(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct nsys_nccl_payload nccl;
	struct mark_row mark = {
		.time_ns = row->start_ns, .category_id = row_category(row),
		.color = nsys_row_integer(row, NVTX_COLOR, 0) & 0xffffffff,
	};
	return nsys_process_thread(import, row->process, row->has_owner, row->owner,
				   &mark.thread_id, error) &&
	       row_name(import, row, &mark.name_id, error) &&
	       row_domain(row, false, &mark.domain_id, error) &&
	       row_payload(import, row, &mark.payload_id, &nccl, error) &&
	       trace_put_mark(row->process->writer, &mark, error);
}

static bool put_closed(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	char reason[64];
	int64_t type = nsys_row_integer(row, NVTX_TYPE, -1);
	switch (type) {
	case EVENT_PUSH_POP:
	case EVENT_START_END:
		return !row->has_end || put_range(import, row, false, error);
	case EVENT_MARK:
		return put_mark(import, row, error);
	case EVENT_CATEGORY:
	case EVENT_THREAD:
	case EVENT_DOMAIN_CREATE:
	case EVENT_DOMAIN_DESTROY:
		return true;
	}
	(void)snprintf(reason, sizeof reason, "event type %lld", (long long)type);
	return nsys_reject(import, row->process, "NVTX_EVENTS", reason, error);
}

static bool put_open(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	int64_t type = nsys_row_integer(row, NVTX_TYPE, -1);
	size_t size;
	bool is_text;
	if (row->has_end || (type != EVENT_PUSH_POP && type != EVENT_START_END))
		return true;
	if (nsys_cursor_bytes(row->cursor, NSYS_COLUMN_END, &size, &is_text) != NULL)
		return nsys_reject(import, row->process, "NVTX_EVENTS", "end time is no number",
				   error);
	return put_range(import, row, true, error);
}

/* Names of domains, categories and threads; communicators. */
static bool put_name(struct nsys_import *import, const struct nsys_row *row, struct error *error)
{
	struct nsys_process *process = row->process;
	const int64_t category[2] = { nsys_row_integer(row, NVTX_DOMAIN, 0),
				      nsys_row_integer(row, NVTX_CATEGORY, 0) };
	int64_t type = nsys_row_integer(row, NVTX_TYPE, -1), name_id = 0;
	struct nsys_entry *entry = NULL;
	switch (type) {
	case EVENT_CATEGORY:
		return row_name(import, row, &name_id, error) &&
		       (bytes_map_put(&process->categories, category, sizeof category, name_id) ||
			nsys_no_memory(import, error));
	case EVENT_THREAD:
	case EVENT_DOMAIN_CREATE:
		if (!row_name(import, row, &name_id, error))
			return false;
		if (name_id == 0)
			return true;
		entry = type == EVENT_THREAD
				? nsys_list_add(&process->thread_names,
						row->has_owner ? row->owner & 0xffffff : 0, 0)
				: nsys_list_add(&process->domains, category[0], 0);
		if (entry == NULL)
			return nsys_no_memory(import, error);
		entry->value = name_id;
		return true;
	}
	struct nsys_nccl_payload nccl;
	struct text json;
	size_t length = 0;
	text_begin(&json, JSON_BYTES_MAX);
	bool ok = row_decode(import, row, &json, &nccl) ||
		  row_add_json_text(import, row, &json, &nccl, error);
	bool is_lost = !text_is_ok(&json);
	text_end(&json);
	if (!ok)
		return false;
	if (is_lost)
		return trace_writer_loss(process->writer, "import", "NVTX_EVENTS: payload too long",
					 1, row->start_ns, error);
	if (!nccl.has[NSYS_NCCL_RANKS] && !nccl.has[NSYS_NCCL_PARENT])
		return true;
	const char *name;
	if (!row_name_bytes(import, row, &name, &length, error))
		return false;
	/* A shrunk one names its parent's id; a grown one does not say whose its ranks are. */
	if (name == NULL || length < 8 || memcmp(name, "ncclComm", 8) != 0 ||
	    (length >= 14 && memcmp(name, "ncclCommShrink", 14) == 0))
		return true;
	if (length < 13 || memcmp(name, "ncclCommSplit", 13) != 0)
		nccl.has[NSYS_NCCL_RANKS] &= !nccl.has[NSYS_NCCL_PARENT];
	return nsys_communicator_add(process, &nccl) || nsys_no_memory(import, error);
}

#define NVTX_SELECT(condition) \
	{ .table = "NVTX_EVENTS", NSYS_COLUMNS(nvtx_columns), .where = (condition) }

/* The rows that tell names, and those with a payload, which may tell a communicator. */
static bool names_condition(struct nsys_file *file, struct text *condition, struct error *error)
{
	static const char *const columns[] = { "binaryData", "jsonText", "jsonTextId" };
	text_add(condition, "eventType IN (33, 39, 75)");
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		bool is_there = false;
		if (!nsys_file_has_column(file, "NVTX_EVENTS", columns[i], &is_there, error))
			return false;
		if (is_there)
			text_add_format(condition, " OR %s IS NOT NULL", columns[i]);
	}
	return text_is_ok(condition) || fail(error, ERROR_SYSTEM, "no memory to import");
}

bool nsys_import_nvtx(struct nsys_import *import, struct error *error)
{
	static const char *const open = "typeof(\"end\") <> 'integer'";
	bool has_end = false;
	struct text names;
	text_begin(&names, 256);
	bool ok = names_condition(import->file, &names, error) &&
		  nsys_file_has_column(import->file, "NVTX_EVENTS", "end", &has_end, error);
	const struct nsys_table walks[] = {
		{ .select = NVTX_SELECT(text_string(&names)),
		  .times = NSYS_TIMES_OPTIONAL,
		  .put = put_name,
		  .is_second_look = true },
		{ .select = NVTX_SELECT(NULL), .times = NSYS_TIMES_OPEN, .put = put_closed },
		{ .select = NVTX_SELECT(has_end ? open : NULL),
		  .times = NSYS_TIMES_OPEN,
		  .put = put_open,
		  .is_second_look = true },
	};
	for (size_t i = 0; ok && i < sizeof walks / sizeof walks[0]; i++)
		ok = nsys_import_table(import, &walks[i], error);
	text_end(&names);
	return ok;
}
