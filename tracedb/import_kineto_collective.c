/* SPDX-License-Identifier: MIT */
#include "tracedb/import_kineto_collective.h"

#include "base/array.h"
#include "tracedb/json_number.h"
#include "tracedb/vocabulary.h"

#include <stdlib.h>
#include <string.h>

/* Names of the framework's calls, longest first where one begins like another. */
static const char *operation_name(const char *name)
{
	static const struct { const char *prefix, *operation;
	} operations[] = {
		{ "reduce_scatter", "ReduceScatter" },
		{ "all_gather", "AllGather" },
		{ "allgather", "AllGather" },
		{ "allreduce", "AllReduce" },
		{ "all_reduce", "AllReduce" },
		{ "all_to_all", "AlltoAll" },
		{ "alltoall", "AlltoAll" },
		{ "broadcast", "Broadcast" },
		{ "reduce", "Reduce" },
		{ "gather", "Gather" },
		{ "scatter", "Scatter" },
		{ "send", "Send" },
		{ "recv", "Recv" },
		{ "barrier", "Barrier" },
	};
	while (*name == '_')
		name++;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (strncmp(name, operations[i].prefix, strlen(operations[i].prefix)) == 0)
			return operations[i].operation;
	return name;
}

static const char *datatype_name(const char *name)
{
	static const struct { const char *framework, *nccl;
	} types[] = {
		{ "Float", "ncclFloat32" },
		{ "Half", "ncclFloat16" },
		{ "BFloat16", "ncclBfloat16" },
		{ "Double", "ncclFloat64" },
		{ "Int", "ncclInt32" },
		{ "Long", "ncclInt64" },
		{ "Char", "ncclInt8" },
		{ "Byte", "ncclUint8" },
		{ "Bool", "ncclUint8" },
		{ "Float8_e4m3fn", "ncclFloat8e4m3" },
		{ "Float8_e5m2", "ncclFloat8e5m2" },
	};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].framework, name) == 0)
			return types[i].nccl;
	return name;
}

/* Calls that are recorded like collectives but move nothing. */
static bool is_no_collective(const char *name)
{
	return strcmp(name, "wait") == 0 || strcmp(name, "init") == 0 || strcmp(name, "end") == 0;
}

/*
 * The same on all ranks of the group, because name and ranks are. FNV-1a: the value is stored, so
 * it must not change with the hash of our tables.
 */
static int64_t group_hash(const char *key, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)key[i]) * UINT64_C(0x100000001b3);
	return (int64_t)(hash & INT64_MAX);
}

static bool communicator_create(struct kineto_collectives *collectives,
				const struct kineto_event *event, int64_t hash)
{
	void *array =
		array_grow(collectives->communicators, &collectives->communicator_room,
			   collectives->communicator_count, sizeof *collectives->communicators);
	if (array == NULL)
		return false;
	collectives->communicators = array;
	struct kineto_communicator *communicator =
		&collectives->communicators[collectives->communicator_count];
	*communicator = (struct kineto_communicator){
		.row = { .communicator_id = (int64_t)collectives->communicator_count + 1,
			 .hash = hash,
			 .rank = -1,
			 .rank_count = event_number(event, FIELD_GROUP_SIZE, -1),
			 .node_count = -1,
			 .device_id = -1 },
		.name = strdup(event_text(event, FIELD_GROUP_NAME)),
		.ranks = strdup(event_text(event, FIELD_GROUP_RANKS)),
	};
	collectives->communicator_count++;
	return communicator->name != NULL && communicator->ranks != NULL;
}

/* The group's id; 0 where the event does not name one. */
static bool communicator_find(struct kineto_collectives *collectives,
			      const struct kineto_event *event, int64_t *id, struct error *error)
{
	*id = 0;
	if (!event_has(event, FIELD_GROUP_NAME) && !event_has(event, FIELD_GROUP_RANKS) &&
	    event_text_length(event, FIELD_COMMUNICATOR) == 0)
		return true;
	struct text key;
	text_begin(&key, 4 * JSON_TOKEN_BYTES_MAX);
	text_add(&key, event_text(event, FIELD_COMMUNICATOR));
	text_add_char(&key, '|');
	text_add(&key, event_text(event, FIELD_GROUP_NAME));
	text_add_char(&key, '|');
	text_add(&key, event_text(event, FIELD_GROUP_RANKS));
	bool ok = text_is_ok(&key);
	if (ok && !bytes_map_get(&collectives->by_group, text_string(&key), key.length, id) &&
	    collectives->communicator_count < KINETO_COMMUNICATORS_MAX) {
		int64_t hash = event_number(event, FIELD_COMMUNICATOR,
					    group_hash(text_string(&key), key.length));
		ok = communicator_create(collectives, event, hash) &&
		     bytes_map_put(&collectives->by_group, text_string(&key), key.length,
				   (int64_t)collectives->communicator_count);
		*id = (int64_t)collectives->communicator_count;
	}
	text_end(&key);
	return ok || fail(error, ERROR_SYSTEM, "cannot import: no memory");
}

/* What the metadata says, whoever carries it. */
static bool row_fill(struct collective_row *row, struct trace_writer *writer,
		     const struct kineto_event *event, struct error *error)
{
	const char *operation = operation_name(event_text(event, FIELD_COLLECTIVE));
	const char *datatype = datatype_name(event_text(event, FIELD_DATATYPE));
	bool is_send = strcmp(operation, "Send") == 0, is_receive = strcmp(operation, "Recv") == 0;
	/* NCCL counts what one rank gives, but for ReduceScatter what it gets. */
	enum kineto_field elements = strcmp(operation, "ReduceScatter") == 0 &&
		event_has(event, FIELD_ELEMENTS_OUT) ? FIELD_ELEMENTS_OUT : FIELD_ELEMENTS_IN;
	int64_t count = event_number(event, elements, -1), size = datatype_bytes(datatype);
	*row = (struct collective_row){
		.witness = WITNESS_FRAMEWORK, .count = count, .bytes = -1, .peer = -1,
		.sequence = event_number(event, FIELD_SEQUENCE, -1),
	};
	if (count >= 0 && size > 0 && count <= INT64_MAX / size)
		row->bytes = count * size;
	if (is_send)
		row->peer = event_number(event, FIELD_DESTINATION_RANK, -1);
	else if (is_receive)
		row->peer = event_number(event, FIELD_SOURCE_RANK, -1);
	return trace_writer_string(writer, operation, strlen(operation), &row->operation_id,
				   error) &&
	       trace_writer_string(writer, datatype, strlen(datatype), &row->datatype_id, error);
}

static void add_operator(struct kineto_collective *collective, const struct kineto_witness *witness)
{
	collective->has_operator = true;
	collective->row.start_ns = witness->start_ns;
	collective->row.duration_ns = witness->duration_ns;
	collective->row.thread_id = witness->thread_id;
}

/* A kernel alone lends its own time; the operator's, when known, is the better one. */
static void add_kernel(struct kineto_collective *collective, const struct kineto_event *event,
		       const struct kineto_witness *witness)
{
	collective->has_kernel = true;
	collective->row.correlation_id = event_number(event, FIELD_CORRELATION, 0);
	if (event_has(event, FIELD_GRID))
		collective->row.channels = event->grid[0];
	if (event_has(event, FIELD_BLOCK))
		collective->row.warps = event->block[0] / 32;
	if (!collective->has_operator) {
		collective->row.start_ns = witness->start_ns;
		collective->row.duration_ns = witness->duration_ns;
	}
}

static bool collective_create(struct kineto_collectives *collectives, struct trace_writer *writer,
			      const struct kineto_event *event,
			      struct kineto_collective *collective, struct error *error)
{
	*collective = (struct kineto_collective){ .has_kernel = false };
	int64_t communicator_id = 0;
	if (!row_fill(&collective->row, writer, event, error) ||
	    !communicator_find(collectives, event, &communicator_id, error))
		return false;
	collective->row.communicator_id = communicator_id;
	return true;
}

/* Keeps a new row for its other half, or writes it when too many wait already. */
static bool collective_keep(struct kineto_collectives *collectives, struct trace_writer *writer,
			    const struct kineto_collective *collective, int64_t external_id,
			    struct error *error)
{
	if (collectives->count >= KINETO_COLLECTIVES_MAX)
		return trace_put_collective(writer, &collective->row, error);
	void *array = array_grow(collectives->rows, &collectives->room, collectives->count,
				 sizeof *collectives->rows);
	if (array == NULL)
		return fail(error, ERROR_SYSTEM, "cannot import: no memory");
	collectives->rows = array;
	collectives->rows[collectives->count] = *collective;
	if (external_id != 0 && !id_map_put(&collectives->by_external_id, (uint64_t)external_id,
					    (int64_t)collectives->count))
		return fail(error, ERROR_SYSTEM, "cannot import: no memory");
	collectives->count++;
	return true;
}

static void collective_witness(struct kineto_collectives *collectives,
			       struct kineto_collective *collective,
			       const struct kineto_event *event,
			       const struct kineto_witness *witness)
{
	int64_t communicator_id = collective->row.communicator_id;
	if (!witness->is_kernel) {
		add_operator(collective, witness);
		return;
	}
	add_kernel(collective, event, witness);
	if (communicator_id > 0)
		collectives->communicators[communicator_id - 1].row.device_id = witness->device_id;
}

bool kineto_collectives_add(struct kineto_collectives *collectives, struct trace_writer *writer,
			    const struct kineto_event *event, const struct kineto_witness *witness,
			    struct error *error)
{
	if (is_no_collective(event_text(event, FIELD_COLLECTIVE)))
		return true;
	int64_t external_id = event_number(event, FIELD_EXTERNAL_ID, 0), index;
	if (external_id != 0 &&
	    id_map_get(&collectives->by_external_id, (uint64_t)external_id, &index)) {
		struct kineto_collective *known = &collectives->rows[index];
		/* Two kernels of one operator are one collective. */
		if (!(witness->is_kernel ? known->has_kernel : known->has_operator))
			collective_witness(collectives, known, event, witness);
		return true;
	}
	struct kineto_collective fresh;
	if (!collective_create(collectives, writer, event, &fresh, error))
		return false;
	collective_witness(collectives, &fresh, event, witness);
	return collective_keep(collectives, writer, &fresh, external_id, error);
}

/* Place of `rank` in "[0, 2, 4]"; -1 if it is not there, or the list is cut short with "...". */
static int64_t rank_in_list(const char *ranks, int64_t rank)
{
	int64_t place = 0;
	while (rank >= 0 && *ranks != 0) {
		size_t length = strspn(ranks, "0123456789");
		int64_t number;
		if (length == 0) {
			if (*ranks == '.')
				return -1;
			ranks++;
			continue;
		}
		if (json_number_integer(ranks, length, &number) && number == rank)
			return place;
		place++;
		ranks += length;
	}
	return -1;
}

bool kineto_collectives_finish(struct kineto_collectives *collectives, struct trace_writer *writer,
			       int64_t rank, struct error *error)
{
	for (size_t i = 0; i < collectives->communicator_count; i++) {
		struct kineto_communicator *communicator = &collectives->communicators[i];
		communicator->row.name = communicator->name;
		communicator->row.rank = rank_in_list(communicator->ranks, rank);
		if (!trace_put_communicator(writer, &communicator->row, error))
			return false;
	}
	for (size_t i = 0; i < collectives->count; i++)
		if (!trace_put_collective(writer, &collectives->rows[i].row, error))
			return false;
	return true;
}

void kineto_collectives_free(struct kineto_collectives *collectives)
{
	for (size_t i = 0; i < collectives->communicator_count; i++) {
		free(collectives->communicators[i].name);
		free(collectives->communicators[i].ranks);
	}
	free(collectives->communicators);
	free(collectives->rows);
	id_map_end(&collectives->by_external_id);
	bytes_map_end(&collectives->by_group);
}
