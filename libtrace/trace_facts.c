/* SPDX-License-Identifier: MIT */
#include "libtrace/trace_facts.h"
#include "libtrace/cupti_source.h"
#include "libtrace/host_facts.h"

#include <inttypes.h>
#include <stdio.h>

#ifndef LAGGARD_VERSION
#define LAGGARD_VERSION "unknown"
#endif

enum { SETTINGS_TEXT_MAX = 64 * 1024 };

void trace_facts_begin(struct recorder *recorder, const struct drain_plan *plan)
{
	char text[COMMAND_TEXT_MAX];
	struct trace_row *row = recorder_trace_row(recorder);
	row->tool_version = LAGGARD_VERSION;
	row->rank = plan->rank;
	row->world_size = plan->world_size;
	row->local_rank = plan->local_rank;
	host_name_read(text);
	row->host = recorder_keep_text(recorder, text);
	boot_id_read(text);
	row->boot_id = recorder_keep_text(recorder, text);
	command_read(text);
	row->command = recorder_keep_text(recorder, text);

	uint32_t version = cupti_source_version();
	(void)snprintf(text, sizeof text, "%" PRIu32 " (%s)", version, cupti_source_path());
	row->cupti_version = recorder_keep_text(recorder, text);

	struct text settings;
	text_begin(&settings, SETTINGS_TEXT_MAX);
	settings_add_text(plan->settings, &settings);
	row->settings = recorder_keep_text(recorder, text_string(&settings));
	text_end(&settings);
	row->environment = recorder_keep_text(recorder, plan->environment);
}

void trace_facts_add_versions(struct recorder *recorder)
{
	struct trace_row *row = recorder_trace_row(recorder);
	const struct { const char **column; void (*read)(char text[HOST_TEXT_MAX]); } versions[] = {
		{ &row->driver_version, driver_version_read },
		{ &row->cuda_driver_version, cuda_driver_version_read },
		{ &row->cuda_runtime_version, cuda_runtime_version_read },
		{ &row->cudnn_version, cudnn_version_read },
		{ &row->framework, framework_read },
	};
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		if (*versions[i].column != NULL && **versions[i].column != 0)
			continue;
		char text[HOST_TEXT_MAX];
		versions[i].read(text);
		*versions[i].column = recorder_keep_text(recorder, text);
	}
}

void trace_facts_add_thread_names(struct recorder *recorder, size_t first)
{
	for (size_t i = first; i < recorder_thread_count(recorder); i++) {
		char name[HOST_TEXT_MAX];
		int64_t thread_id = recorder_thread_at(recorder, i);
		if (thread_name_read(thread_id, name))
			recorder_thread(recorder, thread_id, name);
	}
}
