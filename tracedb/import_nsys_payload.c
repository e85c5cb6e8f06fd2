/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_payload.h"

#include "base/arena.h"
#include "base/array.h"
#include "base/id_map.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_BYTES = 32, /* before each payload: domain, schema, sizes */
	PAYLOAD_BYTES_MAX = 64 * 1024,
	ENTRIES_MAX = 128, /* of one layout */
	LAYOUTS_MAX = 65536,
	ENUM_BYTES = 4,
	TYPE_OWN = 1 << 24, /* ids of layouts and enumerations begin here */
	FLAGS_INDIRECT =
		0x17e, /* pointer, offset, array, deep copy: the value is not in its place */
};

static const size_t PAYLOADS_BYTES_MAX = (size_t)256 * 1024 * 1024;

/*
 * Numbers beyond this lose digits in readers that keep them as doubles: they are written as texts.
 */
static const int64_t JSON_INTEGER_MAX = INT64_C(1) << 53;

struct layout_entry {
	int64_t index, type, offset, flags;
	const char *name;
};

struct layout {
	int64_t domain_id, schema_id;
	struct layout_entry *entries;
	size_t count;
	bool is_ambiguous;
};

struct nsys_payloads {
	struct arena *arena;
	struct layout *layouts;
	size_t count, room;
	struct bytes_map index;		/* {domain, schema} -> index */
	struct bytes_map enums;		/* {domain, schema, value} -> index of its name */
	const char **enum_names;
	size_t enum_count, enum_room;
	struct bytes_map enum_ids;	/* {domain, schema} of enumerations */
};

static struct layout *layout_of(const struct nsys_payloads *payloads, int64_t domain_id,
				int64_t schema_id)
{
	const int64_t key[2] = { domain_id, schema_id };
	int64_t index;
	return bytes_map_get(&payloads->index, key, sizeof key, &index) ? &payloads->layouts[index]
									: NULL;
}

static struct layout *layout_add(struct nsys_payloads *payloads, int64_t domain_id,
				 int64_t schema_id)
{
	const int64_t key[2] = { domain_id, schema_id };
	struct layout *layout = layout_of(payloads, domain_id, schema_id);
	if (layout != NULL)
		return layout;
	struct layout *layouts = NULL;
	if (payloads->count < LAYOUTS_MAX)
		layouts = array_grow(payloads->layouts, &payloads->room, payloads->count,
				     sizeof *layouts);
	if (layouts == NULL)
		return NULL;
	payloads->layouts = layouts;
	struct layout_entry *entries =
		arena_take_array(payloads->arena, ENTRIES_MAX, sizeof *entries);
	if (entries == NULL ||
	    !bytes_map_put(&payloads->index, key, sizeof key, (int64_t)payloads->count))
		return NULL;
	layout = &payloads->layouts[payloads->count++];
	*layout = (struct layout){ .domain_id = domain_id,
				   .schema_id = schema_id,
				   .entries = entries };
	return layout;
}

static bool entry_is_same(const struct layout_entry *a, const struct layout_entry *b)
{
	return a->type == b->type && a->offset == b->offset && a->flags == b->flags &&
	       strcmp(a->name, b->name) == 0;
}

/*
 * Adds a field, or finds it there already; a field that says something else makes the layout
 * ambiguous.
 */
static bool layout_put(struct nsys_payloads *payloads, struct layout *layout,
		       struct layout_entry entry)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->entries[i].index != entry.index)
			continue;
		if (!entry_is_same(&layout->entries[i], &entry))
			layout->is_ambiguous = true;
		return true;
	}
	if (layout->count == ENTRIES_MAX) {
		layout->is_ambiguous = true;
		return true;
	}
	entry.name = arena_copy_text(payloads->arena, entry.name, strlen(entry.name));
	if (entry.name == NULL)
		return false;
	layout->entries[layout->count++] = entry;
	return true;
}

static bool load_entries(struct nsys_payloads *payloads, struct nsys_file *file,
			 struct error *error)
{
	static const char *const columns[] = {
		"domainId", "schemaId!", "idx", "flags", "type!", "name", "offset",
	};
	const struct nsys_select select = { .table = "NVTX_PAYLOAD_SCHEMA_ENTRIES",
					    .columns = columns,
					    .column_count = sizeof columns / sizeof columns[0] };
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, file, &select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		size_t length = 0;
		const char *name = nsys_cursor_text(cursor, 5, &length);
		struct layout_entry entry = {
			.index = nsys_cursor_integer_or(cursor, 2, 0),
			.flags = nsys_cursor_integer_or(cursor, 3, 0),
			.type = nsys_cursor_integer_or(cursor, 4, 0),
			.name = name == NULL ? "" : name,
			/* The first field's offset is NULL in real exports. */
			.offset = nsys_cursor_integer_or(cursor, 6, 0),
		};
		struct layout *layout = layout_add(payloads, nsys_cursor_integer_or(cursor, 0, 0),
						   nsys_cursor_integer_or(cursor, 1, 0));
		if (layout == NULL || !layout_put(payloads, layout, entry)) {
			(void)fail(error, ERROR_INPUT,
				   "cannot read '%s': %s: too many payload layouts",
				   nsys_file_path(file), select.table);
			break;
		}
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

static bool enum_put(struct nsys_payloads *payloads, const int64_t key[3], const char *name,
		     size_t length)
{
	void *names = array_grow(payloads->enum_names, &payloads->enum_room, payloads->enum_count,
				 sizeof *payloads->enum_names);
	if (names == NULL)
		return false;
	payloads->enum_names = names;
	char *copy = arena_copy_text(payloads->arena, name, length);
	if (copy == NULL)
		return false;
	payloads->enum_names[payloads->enum_count] = copy;
	return bytes_map_put(&payloads->enums, key, 3 * sizeof *key,
			     (int64_t)payloads->enum_count++) &&
	       bytes_map_put(&payloads->enum_ids, key, 2 * sizeof *key, 1);
}

static bool load_enums(struct nsys_payloads *payloads, struct nsys_file *file, struct error *error)
{
	static const char *const columns[] = { "domainId", "schemaId!", "value!", "name!" };
	const struct nsys_select select = { .table = "NVTX_PAYLOAD_ENUM_ENTRIES",
					    .columns = columns,
					    .column_count = sizeof columns / sizeof columns[0] };
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, file, &select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		const int64_t key[3] = { nsys_cursor_integer_or(cursor, 0, 0),
					 nsys_cursor_integer_or(cursor, 1, 0),
					 nsys_cursor_integer_or(cursor, 2, 0) };
		size_t length = 0;
		const char *name = nsys_cursor_text(cursor, 3, &length);
		int64_t known;
		if (name == NULL || bytes_map_get(&payloads->enums, key, sizeof key, &known))
			continue;
		if (!enum_put(payloads, key, name, length)) {
			(void)fail(error, ERROR_INPUT,
				   "cannot read '%s': %s: too many payload enumerations",
				   nsys_file_path(file), select.table);
			break;
		}
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

bool nsys_payloads_load(struct nsys_payloads **out, struct nsys_file *file, struct error *error)
{
	*out = NULL;
	struct nsys_payloads *payloads = calloc(1, sizeof *payloads);
	if (payloads == NULL || (payloads->arena = arena_create(PAYLOADS_BYTES_MAX)) == NULL) {
		free(payloads);
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory",
			    nsys_file_path(file));
	}
	if (!load_entries(payloads, file, error) || !load_enums(payloads, file, error)) {
		nsys_payloads_close(payloads);
		return false;
	}
	*out = payloads;
	return true;
}

void nsys_payloads_close(struct nsys_payloads *payloads)
{
	if (payloads == NULL)
		return;
	free(payloads->layouts);
	free(payloads->enum_names);
	bytes_map_end(&payloads->index);
	bytes_map_end(&payloads->enums);
	bytes_map_end(&payloads->enum_ids);
	arena_close(payloads->arena);
	free(payloads);
}

/* Little-endian: the recorded machines are. */
static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
	uint64_t value = 0;
	for (size_t i = size; i-- > 0;)
		value = value << 8 | bytes[i];
	return value;
}

enum number_form { FORM_NONE, FORM_SIGNED, FORM_UNSIGNED, FORM_FLOAT };

struct number_type {
	unsigned char size;
	unsigned char form;
};

/* By payload entry type; the rest (texts, 128 bits, short floats) is not shown. */
static const struct number_type number_types[] = {
	[1] = { 1, FORM_SIGNED }, [2] = { 1, FORM_UNSIGNED }, [3] = { 2, FORM_SIGNED },
	[4] = { 2, FORM_UNSIGNED }, [5] = { 4, FORM_SIGNED }, [6] = { 4, FORM_UNSIGNED },
	[7] = { 8, FORM_SIGNED }, [8] = { 8, FORM_UNSIGNED }, [9] = { 8, FORM_SIGNED },
	[10] = { 8, FORM_UNSIGNED }, [11] = { 1, FORM_SIGNED }, [12] = { 1, FORM_UNSIGNED },
	[13] = { 2, FORM_SIGNED }, [14] = { 2, FORM_UNSIGNED }, [15] = { 4, FORM_SIGNED },
	[16] = { 4, FORM_UNSIGNED }, [17] = { 8, FORM_SIGNED }, [18] = { 8, FORM_UNSIGNED },
	[19] = { 4, FORM_FLOAT }, [20] = { 8, FORM_FLOAT }, [22] = { 8, FORM_UNSIGNED },
	[23] = { 8, FORM_UNSIGNED }, [32] = { 1, FORM_UNSIGNED }, [43] = { 4, FORM_FLOAT },
	[44] = { 8, FORM_FLOAT }, [68] = { 4, FORM_UNSIGNED }, [69] = { 4, FORM_UNSIGNED },
	[70] = { 8, FORM_UNSIGNED }, [71] = { 4, FORM_UNSIGNED }, [72] = { 8, FORM_UNSIGNED },
	[73] = { 4, FORM_UNSIGNED }, [74] = { 8, FORM_UNSIGNED },
};

/* Type of a field; enumerations are ints. {0} for what is not read. */
static struct number_type entry_type(const struct nsys_payloads *payloads,
				     const struct layout *layout, const struct layout_entry *entry)
{
	static const struct number_type none, enumeration = { ENUM_BYTES, FORM_SIGNED };
	const int64_t key[2] = { layout->domain_id, entry->type };
	int64_t ignored;
	if ((entry->flags & FLAGS_INDIRECT) != 0)
		return none;
	if (entry->type >= TYPE_OWN) {
		/* Exports from before the tables of enumerations still have NCCL's reductions. */
		bool is_enum = bytes_map_get(&payloads->enum_ids, key, sizeof key, &ignored) ||
			strcmp(entry->name, "Reduction operation") == 0;
		return is_enum ? enumeration : none;
	}
	if (entry->type < 0 ||
	    entry->type >= (int64_t)(sizeof number_types / sizeof number_types[0]))
		return none;
	return number_types[entry->type];
}

static const char *const reductions[] = { "Sum", "Product", "Max", "Min", "Avg" };
enum { REDUCTION_COUNT = sizeof reductions / sizeof reductions[0] };

static const char *enum_name(const struct nsys_payloads *payloads, const struct layout *layout,
			     const struct layout_entry *entry, int64_t value)
{
	const int64_t key[3] = { layout->domain_id, entry->type, value };
	int64_t index;
	if (entry->type < TYPE_OWN)
		return NULL;
	if (bytes_map_get(&payloads->enums, key, sizeof key, &index))
		return payloads->enum_names[index];
	if (strcmp(entry->name, "Reduction operation") == 0 && value >= 0 &&
	    value < REDUCTION_COUNT)
		return reductions[value];
	return NULL;
}

static bool nccl_field(const char *name, size_t length, enum nsys_nccl_field *field)
{
	static const struct { const char *name; enum nsys_nccl_field field; } fields[] = {
		{ "NCCL communicator ID", NSYS_NCCL_COMMUNICATOR },
		{ "Parent NCCL communicator ID", NSYS_NCCL_PARENT },
		{ "Message size [bytes]", NSYS_NCCL_BYTES }, { "Bytes", NSYS_NCCL_BYTES },
		{ "Peer rank", NSYS_NCCL_PEER }, { "Root", NSYS_NCCL_PEER },
		{ "Reduction operation", NSYS_NCCL_REDUCTION }, { "No. of ranks", NSYS_NCCL_RANKS },
		{ "Rank", NSYS_NCCL_RANK }, { "CUDA device", NSYS_NCCL_DEVICE },
	};
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (strlen(fields[i].name) != length || memcmp(fields[i].name, name, length) != 0)
			continue;
		*field = fields[i].field;
		return true;
	}
	return false;
}

static void nccl_set(struct nsys_nccl_payload *nccl, const char *name, int64_t value,
		     const char *text)
{
	enum nsys_nccl_field field;
	if (!nccl_field(name, strlen(name), &field))
		return;
	nccl->value[field] = value;
	nccl->has[field] = true;
	if (field == NSYS_NCCL_REDUCTION && text != NULL)
		nccl->reduction = text;
}

/* Decimal, or hexadecimal after 0x: ids of communicators use all 64 bits. */
static bool number_of(const char *bytes, size_t length, int64_t *value)
{
	char text[32], *end;
	if (length == 0 || length >= sizeof text)
		return false;
	memcpy(text, bytes, length);
	text[length] = 0;
	errno = 0;
	bool is_hex = length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	bool is_negative = text[0] == '-';
	*value = is_negative ? (int64_t)strtoll(text, &end, 10)
			     : (int64_t)strtoull(text, &end, is_hex ? 16 : 10);
	return errno == 0 && *end == 0 && (is_negative || (text[0] >= '0' && text[0] <= '9'));
}

void nsys_payload_take(struct nsys_nccl_payload *nccl, const char *name, size_t name_length,
		       const char *value, size_t value_length, bool is_text)
{
	enum nsys_nccl_field field;
	int64_t number = -1;
	if (!nccl_field(name, name_length, &field))
		return;
	if (number_of(value, value_length, &number)) {
		nccl->value[field] = number;
		nccl->has[field] = true;
	}
	for (int64_t i = 0; field == NSYS_NCCL_REDUCTION && i < REDUCTION_COUNT; i++) {
		bool is_it = is_text ? strlen(reductions[i]) == value_length &&
					       memcmp(reductions[i], value, value_length) == 0
				     : nccl->has[field] && number == i;
		if (!is_it)
			continue;
		nccl->value[field] = i;
		nccl->has[field] = true;
		nccl->reduction = reductions[i];
	}
}

void nsys_json_add_real(struct text *json, double value, int digits)
{
	if (isfinite(value))
		text_add_format(json, "%.*g", digits, value);
	else
		text_add(json, isnan(value) ? "\"NaN\""
			       : value > 0  ? "\"Infinity\""
					    : "\"-Infinity\"");
}

static void add_integer(struct text *json, int64_t value, bool is_unsigned)
{
	bool is_big = value > JSON_INTEGER_MAX || value < (is_unsigned ? 0 : -JSON_INTEGER_MAX);
	if (is_big)
		text_add_char(json, '"');
	if (is_unsigned)
		text_add_format(json, "%llu", (unsigned long long)value);
	else
		text_add_integer(json, value);
	if (is_big)
		text_add_char(json, '"');
}

static int64_t sign_extend(uint64_t value, size_t size)
{
	unsigned int shift = (unsigned int)(8 * (8 - size));
	return (int64_t)(value << shift) >> shift;
}

static void add_field(const struct nsys_payloads *payloads, const struct layout *layout,
		      const struct layout_entry *entry, const unsigned char *at, struct text *json)
{
	struct number_type type = entry_type(payloads, layout, entry);
	uint64_t bits = little_endian(at, type.size);
	if (type.form == FORM_FLOAT && type.size == 4) {
		uint32_t half = (uint32_t)bits;
		float value;
		memcpy(&value, &half, sizeof value);
		nsys_json_add_real(json, (double)value, 9);
	} else if (type.form == FORM_FLOAT) {
		double value;
		memcpy(&value, &bits, sizeof value);
		nsys_json_add_real(json, value, 17);
	} else {
		bool is_unsigned = type.form == FORM_UNSIGNED;
		int64_t value = is_unsigned ? (int64_t)bits : sign_extend(bits, type.size);
		const char *name = enum_name(payloads, layout, entry, value);
		/* Ids of communicators are hashes: hexadecimal, so that equal ones look equal. */
		if (is_unsigned && strstr(entry->name, "communicator ID") != NULL)
			text_add_format(json, "\"0x%llx\"", (unsigned long long)value);
		else if (name != NULL)
			text_add_json(json, name);
		else
			add_integer(json, value, is_unsigned);
	}
}

/* The value of a field for `nccl`; integers only. */
static void take_field(const struct nsys_payloads *payloads, const struct layout *layout,
		       const struct layout_entry *entry, const unsigned char *at,
		       struct nsys_nccl_payload *nccl)
{
	struct number_type type = entry_type(payloads, layout, entry);
	if (type.form != FORM_SIGNED && type.form != FORM_UNSIGNED)
		return;
	uint64_t bits = little_endian(at, type.size);
	int64_t value = type.form == FORM_SIGNED ? sign_extend(bits, type.size) : (int64_t)bits;
	nccl_set(nccl, entry->name, value, enum_name(payloads, layout, entry, value));
}

static bool decode_one(const struct nsys_payloads *payloads, const unsigned char *bytes,
		       size_t payload_bytes, struct text *json, struct nsys_nccl_payload *nccl)
{
	const struct layout *layout = layout_of(payloads, (int64_t)little_endian(bytes, 4),
						(int64_t)little_endian(bytes + 8, 4));
	if (layout == NULL || layout->is_ambiguous)
		return false;
	const unsigned char *payload = bytes + HEADER_BYTES;
	text_add_char(json, '{');
	for (size_t i = 0; i < layout->count; i++) {
		const struct layout_entry *entry = &layout->entries[i];
		size_t size = entry_type(payloads, layout, entry).size;
		text_add(json, i == 0 ? "" : ",");
		text_add_json(json, entry->name);
		text_add_char(json, ':');
		if (size == 0 || entry->offset < 0 || (uint64_t)entry->offset > payload_bytes ||
		    payload_bytes - (size_t)entry->offset < size) {
			text_add(json, "null");
			continue;
		}
		add_field(payloads, layout, entry, payload + entry->offset, json);
		take_field(payloads, layout, entry, payload + entry->offset, nccl);
	}
	text_add_char(json, '}');
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exports that went through a data frame hold the digits of the bytes. */
static bool from_hex(const char *digits, size_t size, unsigned char *out)
{
	if (size % 2 != 0)
		return false;
	for (size_t i = 0; i < size; i += 2) {
		int high = hex_digit(digits[i]), low = hex_digit(digits[i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* One payload after the other, each with its header; several become a JSON array. */
static bool decode_all(const struct nsys_payloads *payloads, const unsigned char *bytes,
		       size_t size, struct text *json, struct nsys_nccl_payload *nccl)
{
	size_t begin = json->length, count = 0;
	struct text all;
	text_begin(&all, PAYLOAD_BYTES_MAX);
	bool ok = true;
	while (ok && size > 0) {
		uint64_t payload_bytes =
			size < HEADER_BYTES ? UINT64_MAX : little_endian(bytes + 16, 8);
		ok = payload_bytes <= size - (size < HEADER_BYTES ? size : HEADER_BYTES) &&
			little_endian(bytes + 24, 8) == HEADER_BYTES + payload_bytes;
		text_add(&all, count++ == 0 ? "" : ",");
		ok = ok && decode_one(payloads, bytes, (size_t)payload_bytes, &all, nccl);
		if (ok) {
			bytes += HEADER_BYTES + payload_bytes;
			size -= HEADER_BYTES + (size_t)payload_bytes;
		}
	}
	json->failed |= !text_is_ok(&all);
	ok = ok && count > 0 && text_is_ok(&all);
	if (ok) {
		text_add(json, count > 1 ? "[" : "");
		text_add(json, text_string(&all));
		text_add(json, count > 1 ? "]" : "");
	}
	text_end(&all);
	return ok && text_is_ok(json) && json->length > begin;
}

bool nsys_payload_decode(const struct nsys_payloads *payloads, const void *bytes, size_t size,
			 bool is_text, struct text *json, struct nsys_nccl_payload *nccl)
{
	unsigned char *raw = NULL;
	*nccl = (struct nsys_nccl_payload){ .reduction = "" };
	if (size == 0 || size > PAYLOAD_BYTES_MAX)
		return false;
	if (is_text && size > 16 && hex_digit(((const char *)bytes)[0]) >= 0 && size % 2 == 0) {
		raw = malloc(size / 2);
		if (raw == NULL)
			return false;
		if (from_hex(bytes, size, raw)) {
			bytes = raw;
			size /= 2;
		}
	}
	bool ok = decode_all(payloads, bytes, size, json, nccl);
	free(raw);
	return ok;
}
