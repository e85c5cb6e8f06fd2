/* SPDX-License-Identifier: MIT */
#include "analyzer/report_cells.h"
#include "analyzer/report_sections.h"
#include "analyzer/report_words.h"

#include <stdio.h>

enum { WAIT_COLUMNS = 40 };

static int64_t largest_asked_ns(const struct report *report)
{
	int64_t largest_ns = 0;
	for (size_t g = 0; g < report->gpu_count; g++)
		if (report->gpus[g].host.asked_ns > largest_ns)
			largest_ns = report->gpus[g].host.asked_ns;
	return largest_ns;
}

static void host_row(struct report_table *table, const struct report *report, size_t gpu,
		     const struct time_unit *unit)
{
	const struct host_detail *host = &report->gpus[gpu].host;
	const struct host_wait *wait = host_detail_longest_wait(host);
	int64_t steps = report_steps_used(report);
	bool is_told = host->samples >= HOST_SAMPLES_TOLD_MIN;
	cell_gpu_and_rank(table, report, gpu);
	cell_time(table, steps > 0 ? host->asked_ns / steps : host->asked_ns, unit);
	cell_percent(table, host->seen_ns, host->asked_ns);
	cell_count(table, host->samples);
	for (int doing = 0; doing < HOST_STOPPED; doing++) {
		if (is_told)
			cell_percent(table, host->ns[doing], host->seen_ns);
		else
			table_add(table, "-");
	}
	cell_name(table, !is_told || wait == NULL || wait->name == NULL ? "" : wait->name,
		  WAIT_COLUMNS);
}

bool section_fill_host(struct report_table *table, const struct report *report)
{
	char headers[HEADERS_BYTES];
	int64_t largest_ns = largest_asked_ns(report), steps = report_steps_used(report);
	if (largest_ns == 0)
		return false;
	const struct time_unit unit = time_unit_narrow(steps > 0 ? largest_ns / steps : largest_ns);
	(void)snprintf(headers, sizeof headers,
		       "GPU|rank|idle %s|seen|samples|ran|no CPU|asleep|disk, driver|<waited in",
		       unit.name);
	table_begin(table, headers);
	for (size_t g = 0; g < report->gpu_count; g++)
		host_row(table, report, g, &unit);
	return true;
}

void section_add_host_note(struct text *out, const struct report *report)
{
	text_add_format(out,
			"idle: %sfor want of a launch that no CUDA call delayed. seen: of it, near "
			"a sample of the launching thread; the states are shares of that. no CPU: "
			"ready to run, and others had all cores. waited in: the system call, and "
			"the place in the kernel, with most of the waiting. Below %d samples "
			"nothing is said.\n",
			report_steps_used(report) > 0 ? "a step, " : "", HOST_SAMPLES_TOLD_MIN);
}
