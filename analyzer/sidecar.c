/* SPDX-License-Identifier: MIT */
#include "analyzer/sidecar.h"

#include "base/array.h"
#include "base/id_map.h"
#include "tracedb/derived_writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct sidecar_gpu {
	int64_t gpu_id;
	int64_t trace_id;
	int64_t rank;
};

/* Short pieces of one GPU and cause. */
struct sidecar_rest {
	int64_t gpu_id;
	char *cause;
	int64_t duration_ns;
	int64_t pieces;
	int64_t next;		/* of the same GPU; -1: the last */
};

struct sidecar_places {
	bool has_all;
	size_t gpu_id, trace_id, rank;
};

struct sidecar {
	struct derived_writer *writer;
	struct sidecar_places places[DERIVED_COUNT];
	int64_t shortest_gap_ns;
	struct sidecar_gpu *gpus;
	size_t gpu_count, gpu_room;
	struct id_map gpu_at;	/* gpu_id to index */
	struct sidecar_rest *rests;
	size_t rest_count, rest_room;
	struct id_map rest_at;	/* gpu_id to the index of its newest rest */
};

union any_row {
#define TABLE(table, doc) struct table##_row table;
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

static bool no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory for the tables of the analysis");
}

void sidecar_add_path(struct text *path, const char *trace_or_folder)
{
	struct stat status;
	const char *slash = strrchr(trace_or_folder, '/');
	if (stat(trace_or_folder, &status) == 0 && S_ISDIR(status.st_mode)) {
		text_add(path, trace_or_folder);
		if (slash == NULL || slash[1] != 0)
			text_add_char(path, '/');
	} else if (slash != NULL) {
		text_add_bytes(path, trace_or_folder, (size_t)(slash - trace_or_folder) + 1);
	}
	text_add(path, SIDECAR_NAME);
}

/* Where the members of one table's rows lie that follow from the GPU. */
static void places_find(struct sidecar_places *places, const struct table_descriptor *table)
{
	int found = 0;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column_descriptor *column = &table->columns[i];
		size_t *place = strcmp(column->name, "gpu_id") == 0 ? &places->gpu_id :
			strcmp(column->name, "trace_id") == 0 ? &places->trace_id :
			strcmp(column->name, "rank") == 0 ? &places->rank : NULL;
		if (place == NULL)
			continue;
		*place = column->offset;
		found++;
	}
	places->has_all = found == 3;
}

/* Trace and rank follow from the GPU, so that no caller can get them wrong. */
static void row_fill(const struct sidecar *sidecar, enum derived_table table, union any_row *row)
{
	const struct sidecar_places *places = &sidecar->places[table];
	unsigned char *members = (unsigned char *)row;
	int64_t gpu_id = -1, at = 0;
	if (!places->has_all)
		return;
	memcpy(&gpu_id, members + places->gpu_id, sizeof gpu_id);
	if (!id_map_get(&sidecar->gpu_at, (uint64_t)gpu_id, &at))
		return;
	memcpy(members + places->trace_id, &sidecar->gpus[at].trace_id, sizeof(int64_t));
	memcpy(members + places->rank, &sidecar->gpus[at].rank, sizeof(int64_t));
}

bool sidecar_create(struct sidecar **out, const char *path, int64_t shortest_gap_ns,
		    struct error *error)
{
	*out = NULL;
	struct sidecar *sidecar = calloc(1, sizeof *sidecar);
	if (sidecar == NULL)
		return no_memory(error);
	sidecar->shortest_gap_ns = shortest_gap_ns;
	for (size_t i = 0; i < DERIVED_COUNT; i++)
		places_find(&sidecar->places[i], &derived_tables[i]);
	if (!derived_writer_create(&sidecar->writer, path, error)) {
		sidecar_abandon(sidecar);
		return false;
	}
	*out = sidecar;
	return true;
}

static bool sidecar_add(struct sidecar *sidecar, enum derived_table table, const void *row,
			struct error *error)
{
	union any_row copy;
	memcpy(&copy, row, derived_tables[table].row_size);
	row_fill(sidecar, table, &copy);
	return derived_writer_put(sidecar->writer, table, &copy, error);
}

#define SIDECAR_ADD(table) \
	bool sidecar_add_##table(struct sidecar *sidecar, const struct table##_row *row, \
				 struct error *error) \
	{ \
		return sidecar_add(sidecar, DERIVED_##table, row, error); \
	}
SIDECAR_ADD(step)
SIDECAR_ADD(step_idle)
SIDECAR_ADD(idle_cause)
SIDECAR_ADD(absent_cause)
SIDECAR_ADD(collective_instance)
SIDECAR_ADD(collective_member)
SIDECAR_ADD(blame)
SIDECAR_ADD(blame_cause)
SIDECAR_ADD(transfer_problem)
#undef SIDECAR_ADD

bool sidecar_add_analysis(struct sidecar *sidecar, const struct analysis_row *row,
			  struct error *error)
{
	struct analysis_row copy = *row;
	copy.analysis_id = 1;
	copy.shortest_gap_ns = sidecar->shortest_gap_ns;
	return derived_put_analysis(sidecar->writer, &copy, error);
}

bool sidecar_add_analysis_trace(struct sidecar *sidecar, const struct analysis_trace_row *row,
				struct error *error)
{
	struct analysis_trace_row copy = *row;
	struct stat status;
	if (row->path != NULL && stat(row->path, &status) == 0) {
		copy.file_bytes = status.st_size;
		copy.changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 +
				  status.st_mtim.tv_nsec;
	}
	return derived_put_analysis_trace(sidecar->writer, &copy, error);
}

bool sidecar_add_gpu_time(struct sidecar *sidecar, const struct gpu_time_row *row,
			  struct error *error)
{
	struct sidecar_gpu *gpus =
		array_grow(sidecar->gpus, &sidecar->gpu_room, sidecar->gpu_count, sizeof *gpus);
	if (gpus == NULL)
		return no_memory(error);
	sidecar->gpus = gpus;
	gpus[sidecar->gpu_count] = (struct sidecar_gpu){ row->gpu_id, row->trace_id, row->rank };
	if (!id_map_put(&sidecar->gpu_at, (uint64_t)row->gpu_id, (int64_t)sidecar->gpu_count))
		return no_memory(error);
	sidecar->gpu_count++;
	return derived_put_gpu_time(sidecar->writer, row, error);
}

bool sidecar_add_finding(struct sidecar *sidecar, const struct finding_row *row,
			 struct error *error)
{
	struct finding_row copy = *row;
	copy.finding_id = derived_writer_count(sidecar->writer, DERIVED_finding) + 1;
	return sidecar_add(sidecar, DERIVED_finding, &copy, error);
}

/* The rest of this GPU and cause, made if missing; NULL when memory is short. */
static struct sidecar_rest *sidecar_find_rest(struct sidecar *sidecar, int64_t gpu_id,
					      const char *cause)
{
	int64_t newest = -1;
	if (!id_map_get(&sidecar->rest_at, (uint64_t)gpu_id, &newest))
		newest = -1;
	for (int64_t at = newest; at >= 0; at = sidecar->rests[at].next)
		if (strcmp(sidecar->rests[at].cause, cause) == 0)
			return &sidecar->rests[at];
	struct sidecar_rest *rests =
		array_grow(sidecar->rests, &sidecar->rest_room, sidecar->rest_count, sizeof *rests);
	if (rests == NULL)
		return NULL;
	sidecar->rests = rests;
	struct sidecar_rest *rest = &rests[sidecar->rest_count];
	*rest = (struct sidecar_rest){ .gpu_id = gpu_id, .cause = strdup(cause), .next = newest };
	if (rest->cause == NULL)
		return NULL;
	if (!id_map_put(&sidecar->rest_at, (uint64_t)gpu_id, (int64_t)sidecar->rest_count)) {
		free(rest->cause);
		return NULL;
	}
	sidecar->rest_count++;
	return rest;
}

bool sidecar_add_rest(struct sidecar *sidecar, int64_t gpu_id, const char *cause,
		      int64_t duration_ns, int64_t pieces, struct error *error)
{
	struct sidecar_rest *rest = sidecar_find_rest(sidecar, gpu_id, cause);
	if (rest == NULL)
		return no_memory(error);
	rest->duration_ns += duration_ns;
	rest->pieces += pieces;
	return true;
}

bool sidecar_add_piece(struct sidecar *sidecar, const struct sidecar_piece *piece,
		       struct error *error)
{
	struct idle_gap_row row = {
		.gpu_id = piece->gpu_id,
		.start_ns = piece->start_ns,
		.duration_ns = piece->duration_ns,
		.cause = piece->cause,
		.pieces = 1,
		.gap = piece->gap,
		.step = piece->step,
		.thread_id = piece->thread_id,
	};
	if (piece->duration_ns < sidecar->shortest_gap_ns)
		return sidecar_add_rest(sidecar, piece->gpu_id, piece->cause, piece->duration_ns, 1,
					error);
	return derived_writer_text(sidecar->writer, piece->call, &row.call_id, error) &&
	       derived_writer_text(sidecar->writer, piece->range, &row.range_id, error) &&
	       derived_writer_text(sidecar->writer, piece->next, &row.next_id, error) &&
	       sidecar_add(sidecar, DERIVED_idle_gap, &row, error);
}

static bool sidecar_put_rests(struct sidecar *sidecar, struct error *error)
{
	for (size_t i = 0; i < sidecar->rest_count; i++) {
		const struct sidecar_rest *rest = &sidecar->rests[i];
		const struct idle_gap_row row = {
			.gpu_id = rest->gpu_id,
			.start_ns = -1,
			.duration_ns = rest->duration_ns,
			.cause = rest->cause,
			.is_rest = 1,
			.pieces = rest->pieces,
			.gap = -1,
			.step = -1,
		};
		if (!sidecar_add(sidecar, DERIVED_idle_gap, &row, error))
			return false;
	}
	return true;
}

bool sidecar_commit(struct sidecar *sidecar, struct error *error)
{
	bool ok = sidecar_put_rests(sidecar, error);
	if (ok) {
		ok = derived_writer_commit(sidecar->writer, error);
		sidecar->writer = NULL;
	}
	sidecar_abandon(sidecar);
	return ok;
}

void sidecar_abandon(struct sidecar *sidecar)
{
	if (sidecar == NULL)
		return;
	derived_writer_abandon(sidecar->writer);
	for (size_t i = 0; i < sidecar->rest_count; i++)
		free(sidecar->rests[i].cause);
	free(sidecar->rests);
	free(sidecar->gpus);
	id_map_end(&sidecar->gpu_at);
	id_map_end(&sidecar->rest_at);
	free(sidecar);
}
