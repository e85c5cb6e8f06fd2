/* SPDX-License-Identifier: MIT */
#include "analyzer/report_sections.h"

const struct report_section report_sections[] = {
	{ "Where the GPU time went", NULL, section_fill_time, section_add_time_note },
	{ "Why GPUs were idle", NULL, section_fill_idle, section_add_idle_note },
	{ "What the host did meanwhile", NULL, section_fill_host, section_add_host_note },
	{ "Longest idle gaps", NULL, section_fill_gaps, section_add_gaps_note },
	{ "What kept compute away", NULL, section_fill_absent, section_add_absent_note },
	{ "Steps", NULL, section_fill_steps, section_add_steps_note },
	{ "Efficiency chain",
	  "Compute's share of the time is the product of the factors; 100 % means that nothing is "
	  "lost there.",
	  section_fill_chain, NULL },
	{ "Who makes the others wait", NULL, section_fill_blame, section_add_blame_note },
	{ "Who came last of those captured", NULL, section_fill_latest, section_add_latest_note },
	{ "Collectives", NULL, section_fill_collectives, section_add_collectives_note },
	{ "Clocks", "offset: added to the GPU's times to bring them on the clock of the job.",
	  section_fill_clocks, NULL },
	{ "Balance of compute", NULL, section_fill_balance, section_add_balance_note },
	{ "Transfers",
	  "GB/s over the time with such a copy running. not hidden: without a compute kernel "
	  "beside "
	  "it. small: copies below 64 KiB.",
	  section_fill_transfers, section_add_transfers_note },
	{ "Kernels with most time", "Sums over all GPUs and streams.", section_fill_kernels, NULL },
	{ "Where compute goes by library", NULL, section_fill_engines, section_add_engines_note },
	{ "Devices",
	  "SM MHz and power: mean while the GPU worked, of the most allowed. PCIe: generation and "
	  "width under load, of what slot and card allow.",
	  section_fill_devices, NULL },
};

const size_t report_section_count = sizeof report_sections / sizeof report_sections[0];

void section_add_notes(struct text *out, const struct report_section *section,
		       const struct report *report)
{
	if (section->note != NULL)
		text_add_format(out, "%s\n", section->note);
	if (section->add_note != NULL)
		section->add_note(out, report);
}
