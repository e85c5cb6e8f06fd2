/* SPDX-License-Identifier: MIT */
/*
 * Growing text, and the only JSON and HTML escapers of the project. A text is born with a maximum;
 * once memory or the maximum runs out it stays as it was and text_is_ok() says false from then on,
 * so that a renderer appends freely and checks once at the end.
 *
 * Thread: one thread at a time.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes;		/* terminated when not NULL */
	size_t length;
	size_t room;
	size_t length_max;
	bool failed;
};

void text_begin(struct text *text, size_t length_max);
void text_end(struct text *text);		/* frees; the struct may begin again */
void text_clear(struct text *text);		/* empty, memory kept */
bool text_is_ok(const struct text *text);
const char *text_string(const struct text *text);	/* never NULL; borrowed */

/* Room for at least `size` more bytes: the place to write to, or NULL. Follow with text_advance. */
char *text_reserve(struct text *text, size_t size);
void text_advance(struct text *text, size_t size);

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_add_char(struct text *text, char c);
void text_add_repeated(struct text *text, char c, size_t count);
void text_add_integer(struct text *text, int64_t value);
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Nanoseconds as decimal microseconds with exactly three digits ("-12.034"): integer arithmetic
 * only.
 */
void text_add_microseconds(struct text *text, int64_t ns);

/* Nanoseconds for a person: "1.234 s", "56.7 ms", "890 us", "12 ns". */
void text_add_duration(struct text *text, int64_t ns);

/* Bytes for a person, powers of 1000: "1.23 GB". */
void text_add_size(struct text *text, int64_t bytes);

/*
 * A JSON string with its quotes. Escapes `"`, `\` and control characters (as \u00XX), passes valid
 * UTF-8 through, and replaces each invalid byte by U+FFFD: never a surrogate pair (one big viewer
 * refuses them).
 */
void text_add_json(struct text *text, const char *string);
void text_add_json_bytes(struct text *text, const char *bytes, size_t length);

/* Valid UTF-8 as it is, each invalid byte as U+FFFD: for formats that need no escapes. */
void text_add_utf8(struct text *text, const char *bytes, size_t length);

/*
 * Text content or a quoted attribute of HTML; the same UTF-8 rule; control characters become
 * U+FFFD.
 */
void text_add_html(struct text *text, const char *string);

/*
 * The same for XML 1.0, which has no U+FFFE and U+FFFF either.
 */
void text_add_xml(struct text *text, const char *string, size_t length);

/* Length in bytes (1..4) of the valid UTF-8 sequence at `bytes`, or 0. */
size_t utf8_sequence_length(const char *bytes, size_t length);

#endif
