/* SPDX-License-Identifier: MIT */
#include "tests/sources/injection.h"
#include "base/text.h"
#include "libtrace/nvtx_source.h"
#include "tests/sources/fake_drain.h"

#include <inttypes.h>

static struct drain *drain;

void injection_begin(void)
{
	drain = fake_drain_create();
}

int InitializeInjectionNvtx2(void *get_export_table)
{
	return nvtx_source_attach(get_export_table);
}

int InitializeInjectionNvtxExtension(void *module_info)
{
	return nvtx_source_attach_extension(module_info);
}

static void ranges_add(struct text *out)
{
	for (size_t i = 0; i < fake_count(drain, TABLE_range); i++) {
		const struct range_row *row = fake_row(drain, TABLE_range, i);
		text_add_format(out, "range %s|%s|%s|%" PRIx64 "|%s|kind %d|open %d\n",
				fake_text(drain, row->domain_id), fake_text(drain, row->name_id),
				fake_text(drain, row->category_id), (uint64_t)row->color,
				fake_text(drain, row->payload_id), (int)row->kind,
				(int)row->is_open);
	}
}

static void marks_add(struct text *out)
{
	for (size_t i = 0; i < fake_count(drain, TABLE_mark); i++) {
		const struct mark_row *row = fake_row(drain, TABLE_mark, i);
		text_add_format(out, "mark %s|%s|%s|%" PRIx64 "|%s\n",
				fake_text(drain, row->domain_id), fake_text(drain, row->name_id),
				fake_text(drain, row->category_id), (uint64_t)row->color,
				fake_text(drain, row->payload_id));
	}
}

static void collectives_add(struct text *out)
{
	for (size_t i = 0; i < fake_count(drain, TABLE_collective); i++) {
		const struct collective_row *row = fake_row(drain, TABLE_collective, i);
		text_add_format(out, "collective %s|bytes %" PRId64 "|%s|peer %d\n",
				fake_text(drain, row->operation_id), row->bytes,
				fake_text(drain, row->reduction_id), (int)row->peer);
	}
}

const char *injection_report(void)
{
	static struct text out;
	fake_drain_finish(drain);
	text_begin(&out, 1 << 20);
	ranges_add(&out);
	marks_add(&out);
	collectives_add(&out);
	static const char *const losses[] = {
		"pop without push", "push without pop", "payload cut", "payload field not decoded",
		"text cut", "definition refused", "malformed record", "end without start",
	};
	for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
		if (fake_loss(drain, "nvtx", losses[i]) >= 0)
			text_add_format(&out, "loss %s %d\n", losses[i],
					(int)fake_loss(drain, "nvtx", losses[i]));
	text_add_format(&out, "nccl %s\n", drain_trace_row(drain)->nccl_version == NULL ? "" :
			drain_trace_row(drain)->nccl_version);
	return text_string(&out);
}
