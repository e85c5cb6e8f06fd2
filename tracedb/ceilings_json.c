/* SPDX-License-Identifier: MIT */
#include "tracedb/ceilings_json.h"

#include "tracedb/json_number.h"
#include "tracedb/json_stream.h"

#include <string.h>

enum { FORMAT_VERSION = 1, KEY_BYTES = 64 };

/* Depths of what the object holds: json_stream counts the containers around a token. */
enum { DEPTH_ROOT = 1, DEPTH_ITEM = 3 };

union item {
	struct calibrated_gpu_row gpu;
	struct ceiling_row ceiling;
};

struct loader {
	struct ceilings *ceilings;
	const char *path;
	enum ceilings_table table;	/* whose rows come; CEILINGS_calibration: not in a list */
	size_t index;			/* of the item in its list */
	union item item;
	char key[KEY_BYTES];		/* the last one of the root or of an item; "" if too long */
	bool has_format;
	int64_t version;
	const char *refusal;		/* "error" of the measuring program */
};

static const char *const list_names[CEILINGS_COUNT] = {
	[CEILINGS_calibrated_gpu] = "gpus", [CEILINGS_ceiling] = "ceilings",
};

static bool fail_at(const struct loader *loader, const char *what, struct error *error)
{
	if (loader->table == CEILINGS_calibration)
		return fail(error, ERROR_INPUT, "'%s': '%s' %s", loader->path, loader->key, what);
	return fail(error, ERROR_INPUT, "'%s': %s[%zu]: '%s' %s", loader->path,
		    list_names[loader->table], loader->index, loader->key, what);
}

static bool is_text(const struct json_token *token, const char *text)
{
	return token->length == strlen(text) && memcmp(token->bytes, text, token->length) == 0;
}

static const struct column_descriptor *column_find(const struct loader *loader)
{
	const struct table_descriptor *table = &ceilings_layout.tables[loader->table];
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, loader->key) == 0)
			return &table->columns[i];
	return NULL;
}

/* What is not named is unknown: -1, or 0 where ceilings.def says so; texts "". */
static void row_clear(enum ceilings_table table, void *row)
{
	static const char *const zeros[] = { "together_mask", "size_bytes", "samples",
					     "bytes_per_s", "duration_ns", "made_ns" };
	const struct table_descriptor *descriptor = &ceilings_layout.tables[table];
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const struct column_descriptor *column = &descriptor->columns[i];
		int64_t number = -1;
		const char *text = "";
		for (size_t z = 0; z < sizeof zeros / sizeof zeros[0]; z++)
			if (strcmp(column->name, zeros[z]) == 0)
				number = 0;
		if (column->type == COLUMN_TYPE_TEXT)
			memcpy((char *)row + column->offset, &text, sizeof text);
		else
			memcpy((char *)row + column->offset, &number, sizeof number);
	}
}

/* A value of the root or of an item, into the column of its name. */
static bool value_take(struct loader *loader, const struct json_token *token, struct error *error)
{
	const struct column_descriptor *column = column_find(loader);
	char *row = loader->table == CEILINGS_calibration ?
		(char *)&loader->ceilings->calibration : (char *)&loader->item;
	if (column == NULL || token->kind == JSON_NULL)
		return true;
	if (column->type == COLUMN_TYPE_TEXT) {
		if (token->kind != JSON_STRING)
			return fail_at(loader, "is no text", error);
		const char *text = ceilings_keep_text(loader->ceilings, token->bytes,
						      token->length);
		if (text == NULL)
			return fail_at(loader, "is too long", error);
		memcpy(row + column->offset, &text, sizeof text);
		return true;
	}
	int64_t number = 0;
	if (token->kind != JSON_NUMBER ||
	    !json_number_scale(token->bytes, token->length, 0, &number))
		return fail_at(loader, "is no whole number of 64 bits", error);
	memcpy(row + column->offset, &number, sizeof number);
	return true;
}

static bool root_value_take(struct loader *loader, const struct json_token *token,
			    struct error *error)
{
	if (strcmp(loader->key, "format") == 0) {
		loader->has_format = token->kind == JSON_STRING &&
				     is_text(token, "laggard-ceilings");
		return true;
	}
	if (strcmp(loader->key, "version") == 0)
		return (token->kind == JSON_NUMBER &&
			json_number_scale(token->bytes, token->length, 0, &loader->version)) ||
		       fail_at(loader, "is no whole number", error);
	if (strcmp(loader->key, "error") == 0 && token->kind == JSON_STRING) {
		loader->refusal = ceilings_keep_text(loader->ceilings, token->bytes, token->length);
		return loader->refusal != NULL || fail_at(loader, "is too long", error);
	}
	return value_take(loader, token, error);
}

static bool item_end(struct loader *loader, struct error *error)
{
	struct ceilings *ceilings = loader->ceilings;
	bool is_gpu = loader->table == CEILINGS_calibrated_gpu;
	if (is_gpu ? loader->index >= CEILINGS_GPUS_MAX : loader->index >= CEILINGS_ITEMS_MAX)
		return fail(error, ERROR_INPUT, "'%s': too many '%s': damaged?", loader->path,
			    list_names[loader->table]);
	loader->index++;
	return (is_gpu ? ceilings_add_gpu(ceilings, &loader->item.gpu) :
			 ceilings_add(ceilings, &loader->item.ceiling)) ||
	       fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", loader->path);
}

static void list_begin(struct loader *loader)
{
	loader->index = 0;
	for (int table = CEILINGS_calibrated_gpu; table < CEILINGS_COUNT; table++)
		if (strcmp(loader->key, list_names[table]) == 0)
			loader->table = (enum ceilings_table)table;
}

static bool is_value(const struct json_token *token)
{
	return token->kind <= JSON_STRING;
}

static bool token_take(void *context, const struct json_token *token, struct error *error)
{
	struct loader *loader = context;
	bool is_in_list = loader->table != CEILINGS_calibration;
	if (token->kind == JSON_KEY && (token->depth == DEPTH_ROOT || token->depth == DEPTH_ITEM)) {
		size_t length = token->length < KEY_BYTES ? token->length : 0;
		memcpy(loader->key, token->bytes, length);
		loader->key[length] = 0;
	} else if (token->depth == 0 && token->kind != JSON_OBJECT_BEGIN &&
		   token->kind != JSON_OBJECT_END) {
		return fail(error, ERROR_INPUT, "'%s' holds no object of ceilings", loader->path);
	} else if (token->depth == DEPTH_ROOT) {
		if (token->kind == JSON_ARRAY_BEGIN)
			list_begin(loader);
		else if (token->kind == JSON_ARRAY_END)
			loader->table = CEILINGS_calibration;
		else if (is_value(token))
			return root_value_take(loader, token, error);
	} else if (is_in_list && token->depth == DEPTH_ROOT + 1) {
		if (token->kind == JSON_OBJECT_BEGIN)
			row_clear(loader->table, &loader->item);
		else if (token->kind == JSON_OBJECT_END)
			return item_end(loader, error);
		else
			return fail(error, ERROR_INPUT, "'%s': %s[%zu] is no object", loader->path,
				    list_names[loader->table], loader->index);
	} else if (is_in_list && token->depth == DEPTH_ITEM && is_value(token)) {
		return value_take(loader, token, error);
	}
	return true;
}

static bool loader_finish(const struct loader *loader, struct error *error)
{
	if (!loader->has_format)
		return fail(error, ERROR_INPUT,
			    "'%s' holds no ceilings: its 'format' is not 'laggard-ceilings'; "
			    "'laggard calibrate' measures them",
			    loader->path);
	if (loader->version != FORMAT_VERSION)
		return fail(error, ERROR_INPUT,
			    "'%s' has version %lld of this format, and this laggard reads %d",
			    loader->path, (long long)loader->version, FORMAT_VERSION);
	if (loader->refusal != NULL)
		return fail(error, ERROR_SYSTEM, "cannot calibrate: %s", loader->refusal);
	return ceilings_check(loader->ceilings, loader->path, error);
}

bool ceilings_read_json(struct ceilings *ceilings, const char *path, struct error *error)
{
	struct loader loader = { .ceilings = ceilings, .path = path,
				 .table = CEILINGS_calibration };
	if (!ceilings_begin(ceilings))
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	row_clear(CEILINGS_calibration, &ceilings->calibration);
	ceilings->calibration.calibration_id = 1;
	bool ok = json_stream_read(path, NULL, token_take, &loader, error) &&
		  loader_finish(&loader, error);
	if (!ok)
		ceilings_end(ceilings);
	return ok;
}
