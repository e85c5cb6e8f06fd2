/* SPDX-License-Identifier: MIT */
/*
 * The Perfetto trace while it is written: field numbers of its schema, what was interned so far,
 * tracks and labels as encoded pieces. Shared by the format_perfetto*.c files.
 *
 * Everything is one packet sequence, and its state is never cleared: a text that is interned stays
 * so to the end. When the tables are full, texts stand where they are used; so memory is bounded.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_PERFETTO_H
#define VIEWER_EXPORT_PERFETTO_H

#include "base/id_map.h"
#include "viewer-export/format.h"
#include "viewer-export/protobuf.h"

enum {
	TRACE_PACKET = 1,

	PACKET_CLOCK_SNAPSHOT = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE_ID = 10,
	PACKET_TRACK_EVENT = 11,
	PACKET_INTERNED_DATA = 12,
	PACKET_SEQUENCE_FLAGS = 13,
	PACKET_COMPRESSED = 50,
	PACKET_RENDER_STAGE = 53,
	PACKET_DEFAULTS = 59,
	PACKET_TRACK_DESCRIPTOR = 60,
	PACKET_IS_FIRST = 87,
	PACKET_GPU_INFO = 128,

	DEFAULTS_CLOCK_ID = 58,

	SNAPSHOT_CLOCK = 1,
	CLOCK_ID = 1,
	CLOCK_TIMESTAMP = 2,

	DESCRIPTOR_UUID = 1,
	DESCRIPTOR_NAME = 2,
	DESCRIPTOR_PROCESS = 3,
	DESCRIPTOR_PARENT = 5,
	DESCRIPTOR_COUNTER = 8,
	DESCRIPTOR_CHILD_ORDERING = 11,
	DESCRIPTOR_RANK = 12,
	DESCRIPTOR_DESCRIPTION = 14,
	DESCRIPTOR_MERGING = 15,
	DESCRIPTOR_PROCESS_ORDERING = 19,
	PROCESS_PID = 1,
	PROCESS_COMMAND = 2,
	PROCESS_NAME = 6,
	COUNTER_UNIT = 3,
	COUNTER_UNIT_NAME = 6,

	EVENT_CATEGORY_IID = 3,
	EVENT_ANNOTATION = 4,
	EVENT_TYPE = 9,
	EVENT_NAME_IID = 10,
	EVENT_TRACK = 11,
	EVENT_CATEGORY = 22,
	EVENT_NAME = 23,
	EVENT_COUNTER_VALUE = 30,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48,
	EVENT_GPU_CORRELATION = 3000,
	CORRELATION_SUBMITTED = 1,

	ANNOTATION_NAME_IID = 1,
	ANNOTATION_INTEGER = 4,
	ANNOTATION_DOUBLE = 5,
	ANNOTATION_STRING = 6,
	ANNOTATION_NAME = 10,
	ANNOTATION_ELEMENT = 12,
	ANNOTATION_STRING_IID = 17,

	STAGE_EVENT_ID = 1,
	STAGE_DURATION = 2,
	STAGE_CONTEXT = 5,
	STAGE_GPU = 11,
	STAGE_QUEUE_IID = 13,
	STAGE_STAGE_IID = 14,
	STAGE_NAME = 17,
	STAGE_KERNEL_IID = 19,
	STAGE_NAME_IID = 20,
	STAGE_LAUNCH = 21,
	LAUNCH_GRID = 1,
	LAUNCH_BLOCK = 2,
	LAUNCH_ARGUMENT = 3,
	COMPUTE_NAME_IID = 1,
	COMPUTE_NAME = 2,
	COMPUTE_INTEGER = 3,
	COMPUTE_DOUBLE = 5,
	COMPUTE_STRING = 6,
	COMPUTE_STRING_IID = 7,
	KERNEL_ARGUMENT = 5,

	INTERNED_IID = 1,
	INTERNED_NAME = 2,
	KERNEL_DEMANGLED = 3,
	CONTEXT_PID = 2,
	CONTEXT_API = 3,
	SPECIFICATION_CATEGORY = 4,

	GPU_INFO_GPU = 1,
	GPU_NAME = 1,
};

enum perfetto_event_type {
	EVENT_BEGIN = 1,
	EVENT_END = 2,
	EVENT_INSTANT = 3,
	EVENT_COUNTER = 4,
};

/* Tables of interned texts, by their field in the packet's interned data. */
enum perfetto_table {
	INTERNED_CATEGORIES,
	INTERNED_NAMES,
	INTERNED_ANNOTATION_NAMES,
	INTERNED_STRINGS,
	INTERNED_KERNELS,
	INTERNED_COMPUTE_NAMES,
	INTERNED_TABLE_COUNT
};

/* Interned by their own numbers, not in a table. */
enum { INTERNED_CONTEXTS = 23, INTERNED_SPECIFICATIONS = 24 };

/* What arguments are written as: of a track event, or of GPU work. */
enum perfetto_arguments { AS_ANNOTATIONS, AS_COMPUTE };

/* A piece of a text in struct perfetto. */
struct perfetto_piece {
	size_t begin;
	size_t length;
};

struct perfetto_label {
	struct perfetto_piece event;	/* fields of a track event */
	struct perfetto_piece stage;	/* fields of a render stage event */
	struct perfetto_piece launch;	/* fields of its launch */
};

/* A track or a process: they share their ids. */
struct perfetto_track {
	bool is_work;			/* GPU work: a queue, not a track of events */
	bool has_arrows;		/* of work: there is a track for the ends of its arrows */
	int64_t process_id;
	int64_t context_pid;		/* of a GPU: the process it works for */
	int64_t gpu;			/* of a GPU and its queues */
	uint64_t queue_iid;
	struct perfetto_piece arguments;
};

struct perfetto {
	const struct export_source *sources;
	struct text deflated;		/* a packet of packets while it is made */
	struct text packed;
	struct text scratch;		/* of whoever makes a packet */
	struct text labels_text;
	struct perfetto_label *labels;
	size_t label_count;
	size_t label_room;
	struct id_map label_of_key;
	struct text tracks_text;
	struct perfetto_track *tracks;
	size_t track_room;
	struct bytes_map interned[INTERNED_TABLE_COUNT];
	uint64_t next_iids[INTERNED_TABLE_COUNT];
	struct bytes_map counters;
	int64_t next_counter;
	int64_t next_event;		/* number of the next GPU work without a launch */
	int64_t host_process;		/* the last one, */
	size_t host_source;		/* and whose */
	struct text gpus;		/* what is known of each GPU */
	int64_t gpu_count;
};

/* perfetto_packet.c */

bool perfetto_no_memory(struct error *error);

/* A packet of our sequence, with a time or without; what is written between the two is its own. */
size_t perfetto_packet_begin(struct export_stream *stream);
size_t perfetto_packet_begin_at(struct export_stream *stream, int64_t time_ns);
bool perfetto_packet_end(struct export_stream *stream, size_t begin, struct error *error);
bool perfetto_flush(struct export_stream *stream, struct error *error);

/* First of all: which clock times are on, and what Unix time they count from. */
bool perfetto_clocks_write(struct export_stream *stream, int64_t base_ns, struct error *error);

/* perfetto_tracks.c */

bool perfetto_root_write(struct export_stream *stream, struct error *error);
bool perfetto_process(struct export_stream *stream, const struct export_process *process,
		      struct error *error);
bool perfetto_track(struct export_stream *stream, const struct export_track *track,
		    struct error *error);
bool perfetto_track_describe(struct export_stream *stream, uint64_t uuid, const char *name,
			     int64_t process_id, int64_t rank, struct error *error);

/* The number of a counter; a new one is described. */
bool perfetto_counter_take(struct export_stream *stream, const struct export_counter *counter,
			   int64_t *number, struct error *error);

/* Tracks have even numbers in the file; odd ones are ours to give. */
static inline uint64_t perfetto_track_uuid(int64_t track_id)
{
	return (uint64_t)track_id * 2;
}

static inline uint64_t perfetto_arrows_uuid(int64_t track_id)
{
	return (uint64_t)track_id * 4 + 1;
}

static inline uint64_t perfetto_counter_uuid(int64_t counter)
{
	return (uint64_t)counter * 4 + 3;
}

/* perfetto_interned.c */

/*
 * The number of a text in a table; a new one is written as a packet of its own. The bytes are a
 * message without its number for INTERNED_KERNELS, else a text. 0: the table is full, write it
 * where it is needed. False: memory is short.
 */
bool perfetto_intern(struct export_stream *stream, enum perfetto_table table, const char *bytes,
		     size_t length, uint64_t *iid, struct error *error);

/*
 * One of two fields: `iid_field` with the text's number, or `field` with the text. A full table
 * counts as success.
 */
bool perfetto_add_text(struct export_stream *stream, struct text *message,
		       enum perfetto_table table, uint32_t iid_field, uint32_t field,
		       const char *string, struct error *error);

/* Arguments as fields of a message: `field` once or more for each. */
bool perfetto_add_arguments(struct export_stream *stream, struct text *message, uint32_t field,
			    enum perfetto_arguments as, const struct export_arguments *arguments,
			    struct error *error);

/* The forms in which a label stands in slices. */
bool perfetto_label_encode(struct export_stream *stream, const struct export_label *label,
			   struct perfetto_label *made, struct error *error);

/* What the numbers of stages mean; at the beginning. */
bool perfetto_stages_write(struct export_stream *stream, struct error *error);

void perfetto_interned_end(struct perfetto *perfetto);

#endif
