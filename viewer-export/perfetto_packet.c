/* SPDX-License-Identifier: MIT */
/* Packets: gathered to a megabyte, then packed into one packet that holds them all. */
#include "viewer-export/perfetto.h"

#include "viewer-export/output.h"

#include <zlib.h>

enum {
	FLUSH_BYTES = 1 << 20,
	/* The next two levels take a tenth of the time more and save 4 bytes of 100. */
	PACKING_LEVEL = 1,
	CLOCK_REALTIME_ID = 1,
	CLOCK_BOOTTIME_ID = 6,
	CLOCK_OWN_ID = 64,		/* the first that a sequence may call its own */
	SEQUENCE_ID = 1,
	FLAG_STATE_CLEARED = 1,
	FLAG_NEEDS_STATE = 2,
};

bool perfetto_no_memory(struct error *error)
{
	return fail(error, ERROR_SYSTEM, "no memory to export");
}

static bool text_write(struct export_stream *stream, const struct text *text, struct error *error)
{
	return text_is_ok(text) ? output_write(stream->output, text_string(text), text->length,
					       error) :
				  perfetto_no_memory(error);
}

/* The packets so far as the content of one; deflate as zlib frames it. */
static bool packets_pack(struct perfetto *perfetto, const struct text *packets)
{
	struct text *packed = &perfetto->packed;
	uLongf size = compressBound((uLong)packets->length);
	text_clear(&perfetto->deflated);
	char *to = text_reserve(&perfetto->deflated, size);
	if (to == NULL || compress2((Bytef *)to, &size, (const Bytef *)text_string(packets),
				    (uLong)packets->length, PACKING_LEVEL) != Z_OK)
		return false;
	text_clear(packed);
	size_t packet = protobuf_begin(packed, TRACE_PACKET);
	protobuf_add_bytes(packed, PACKET_COMPRESSED, to, size);
	protobuf_end(packed, packet);
	return text_is_ok(packed);
}

bool perfetto_flush(struct export_stream *stream, struct error *error)
{
	struct perfetto *perfetto = stream->state;
	if (!text_is_ok(&stream->text))
		return perfetto_no_memory(error);
	if (stream->text.length == 0)
		return true;
	if (!packets_pack(perfetto, &stream->text))
		return perfetto_no_memory(error);
	text_clear(&stream->text);
	return text_write(stream, &perfetto->packed, error);
}

size_t perfetto_packet_begin(struct export_stream *stream)
{
	size_t begin = protobuf_begin(&stream->text, TRACE_PACKET);
	protobuf_add_varint(&stream->text, PACKET_SEQUENCE_ID, SEQUENCE_ID);
	protobuf_add_varint(&stream->text, PACKET_SEQUENCE_FLAGS, FLAG_NEEDS_STATE);
	return begin;
}

size_t perfetto_packet_begin_at(struct export_stream *stream, int64_t time_ns)
{
	size_t begin = perfetto_packet_begin(stream);
	protobuf_add_integer(&stream->text, PACKET_TIMESTAMP, time_ns);
	return begin;
}

bool perfetto_packet_end(struct export_stream *stream, size_t begin, struct error *error)
{
	protobuf_end(&stream->text, begin);
	if (stream->text.length >= FLUSH_BYTES || !text_is_ok(&stream->text))
		return perfetto_flush(stream, error);
	return true;
}

static void add_clock(struct text *text, uint64_t clock_id, int64_t time_ns)
{
	size_t clock = protobuf_begin(text, SNAPSHOT_CLOCK);
	protobuf_add_varint(text, CLOCK_ID, clock_id);
	protobuf_add_integer(text, CLOCK_TIMESTAMP, time_ns);
	protobuf_end(text, clock);
}

/*
 * Read one nanosecond behind the base: no clock of a snapshot should say 0. This first packet is
 * not packed, so that a file is known by its first bytes.
 */
bool perfetto_clocks_write(struct export_stream *stream, int64_t base_ns, struct error *error)
{
	struct text *text = &stream->text;
	/* Before 1970 is damage; readers take times as unsigned. */
	int64_t unix_ns = base_ns < 0 ? 1 : base_ns + 1;
	size_t packet = protobuf_begin(text, TRACE_PACKET);
	protobuf_add_varint(text, PACKET_SEQUENCE_ID, SEQUENCE_ID);
	protobuf_add_varint(text, PACKET_SEQUENCE_FLAGS, FLAG_STATE_CLEARED);
	protobuf_add_varint(text, PACKET_IS_FIRST, 1);
	size_t snapshot = protobuf_begin(text, PACKET_CLOCK_SNAPSHOT);
	add_clock(text, CLOCK_BOOTTIME_ID, unix_ns);
	add_clock(text, CLOCK_REALTIME_ID, unix_ns);
	add_clock(text, CLOCK_OWN_ID, 1);
	protobuf_end(text, snapshot);
	size_t defaults = protobuf_begin(text, PACKET_DEFAULTS);
	protobuf_add_varint(text, DEFAULTS_CLOCK_ID, CLOCK_OWN_ID);
	protobuf_end(text, defaults);
	protobuf_end(text, packet);
	if (!text_write(stream, text, error))
		return false;
	text_clear(text);
	return true;
}
