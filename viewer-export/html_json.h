/* SPDX-License-Identifier: MIT */
/*
 * Descriptions in the data of the HTML page, as JSON that JavaScript reads without loss: integers
 * beyond 2^53 become text. Fields end with a comma; json_close_object takes the last one away.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_JSON_H
#define VIEWER_EXPORT_HTML_JSON_H

#include "base/text.h"
#include "viewer-export/format.h"

#include <stdint.h>

/* NULL is the empty text. */
void json_add_text(struct text *text, const char *key, const char *value);
void json_add_number(struct text *text, const char *key, int64_t value);
void json_close_object(struct text *text);

/* "arguments":[[key, value], ...]: pairs, to keep their order. */
void json_add_arguments(struct text *text, const struct export_arguments *arguments);

void json_add_source(struct text *text, const struct export_source *source);
void json_add_finding(struct text *text, const struct finding_row *row, int64_t process_id);

#endif
