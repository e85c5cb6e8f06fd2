/* SPDX-License-Identifier: MIT */
/*
 * Extended payloads of annotations (NVTX_EVENTS.binaryData), read by the layouts that the export
 * holds in NVTX_PAYLOAD_SCHEMAS, _SCHEMA_ENTRIES and _ENUM_ENTRIES. Those tables name no process:
 * every process repeats them, and where two repeat different layouts under one id, that id is not
 * decoded.
 *
 * Thread: loading is the import's; afterwards pure functions over constant data.
 */
#ifndef TRACEDB_IMPORT_NSYS_PAYLOAD_H
#define TRACEDB_IMPORT_NSYS_PAYLOAD_H

#include "base/text.h"
#include "tracedb/import_nsys_file.h"

struct nsys_payloads;

/* The fields of NCCL's payloads, known by their names in the layout. */
enum nsys_nccl_field {
	NSYS_NCCL_COMMUNICATOR,
	NSYS_NCCL_PARENT,
	NSYS_NCCL_BYTES,
	NSYS_NCCL_PEER,			/* or root */
	NSYS_NCCL_REDUCTION,
	NSYS_NCCL_RANKS,
	NSYS_NCCL_RANK,
	NSYS_NCCL_DEVICE,
	NSYS_NCCL_FIELD_COUNT
};

struct nsys_nccl_payload {
	int64_t value[NSYS_NCCL_FIELD_COUNT];
	bool has[NSYS_NCCL_FIELD_COUNT];
	const char *reduction;		/* name of the reduction, borrowed; "" if unknown */
};

/*
 * A member of a payload that the export holds as JSON: `value` without its quotes, if it had any.
 * What is no field of NCCL's, or no value of one, is passed over.
 */
void nsys_payload_take(struct nsys_nccl_payload *nccl, const char *name, size_t name_length,
		       const char *value, size_t value_length, bool is_text);

/* A JSON number, or a text for what JSON has no number for. 17 digits keep a double, 9 a float. */
void nsys_json_add_real(struct text *json, double value, int digits);

bool nsys_payloads_load(struct nsys_payloads **out, struct nsys_file *file, struct error *error);
void nsys_payloads_close(struct nsys_payloads *payloads);

/*
 * Reads `bytes` (raw, or in hexadecimal digits if `is_text`): adds the fields as a JSON object to
 * `json`, the ones of NCCL to `nccl`. False if the bytes or their layout are not understood.
 */
bool nsys_payload_decode(const struct nsys_payloads *payloads, const void *bytes, size_t size,
			 bool is_text, struct text *json, struct nsys_nccl_payload *nccl);

#endif
