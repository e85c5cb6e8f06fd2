/* SPDX-License-Identifier: MIT */
/*
 * Parts of the JSON report: what its files share. A comma is put before a member or item where one
 * is due.
 *
 * Thread: one text, one thread.
 */
#ifndef ANALYZER_REPORT_JSON_PARTS_H
#define ANALYZER_REPORT_JSON_PARTS_H

#include "analyzer/report.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

void json_next(struct text *out);
void json_key(struct text *out, const char *key);
void json_open(struct text *out, const char *key, char bracket);
/* An object in a list, on a line of its own. */
void json_open_item(struct text *out);
void json_integer(struct text *out, const char *key, int64_t value);
void json_null(struct text *out, const char *key);
/* null below 0 */
void json_integer_or_null(struct text *out, const char *key, int64_t value);
void json_bool(struct text *out, const char *key, bool value);
/* null for NULL and "" */
void json_text_or_null(struct text *out, const char *key, const char *value);
/* null below 0 and for what does not fit */
void json_ratio_or_null(struct text *out, const char *key, int64_t value_e12);

/* Members of a GPU: waits, causes, longest gaps. */
void json_add_gpu_time(struct text *out, const struct report *report, size_t gpu);

/* Members of the report: what is known about each GPU, and the pipeline. */
void json_add_facts(struct text *out, const struct report *report);

/* Members of the report: clocks, collectives, efficiency, stragglers, blame, steps. */
void json_add_job(struct text *out, const struct report *report);

#endif
