/* SPDX-License-Identifier: MIT */
#include "analyzer/finding_explanations.h"

#include "analyzer/ratio.h"
#include "analyzer/report_lines.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_words.h"

#include <string.h>

enum { NAME_COLUMNS = 26, WORDS_BYTES_MAX = 1 << 20 };

#define HOW_LATE \
	"A rank is named only if repairing it shortens the window by a share worth it, if it is " \
	"among the last of a step more often than chance, and if its lateness exceeds the noise. " \
	"Its lateness is traced back through waits of its own to what it did more of than those " \
	"that waited."
#define HOW_CAUSE \
	"Every stretch of idle time is given to what the thread that launched the operation that " \
	"ended it was doing meanwhile. What all GPUs lose alike is the median GPU's loss, " \
	"counted for each; what one of them loses beyond is counted where it makes the others wait."

#define HOW_HOST \
	"While a GPU was idle for want of a launch, and the thread that had to launch was in no " \
	"CUDA call that says why, samples of that thread (host_sample) say what it did. A GPU " \
	"with " \
	"fewer than 50 samples in such time is left out; the states seen stand for the rest of " \
	"it."

static const struct finding_explanation explanations[FINDING_COUNT] = {
	[FINDING_CO_CULPRITS] = { "several ranks are late together", HOW_LATE
		" Ranks are judged as a set where all of them together gain at least half as much "
		"again as one by one.", NULL, section_fill_blame },
	[FINDING_STRAGGLER] = { "a rank is late, and the trace does not say why", HOW_LATE
		" This kind is used where less than 80 % of it is explained.", NULL,
		section_fill_blame },
	[FINDING_HOST_LATE] = { "the host did something else than launching", HOW_CAUSE
		" Here it was in no call of CUDA.", NULL, section_fill_idle },
	[FINDING_GPU_SLOW] = { "a GPU computes the same kernels slower", HOW_LATE
		" Kernels of equal name and launch shape are compared with a typical GPU's: slower "
		"at equal work, or more work?", NULL, section_fill_balance },
	[FINDING_UNEVEN_WORK] = { "a GPU has more to compute than the others", HOW_LATE
		" Kernels of equal name and launch shape are compared with a typical GPU's: here "
		"most of the difference is more or larger kernels.", NULL, section_fill_balance },
	[FINDING_SLOW_COPIES] = { "a GPU copies longer than the others", HOW_LATE
		" Here most of it is copies that nothing hides.", NULL, section_fill_transfers },
	[FINDING_DATA] = { "a GPU waits for its next batch", HOW_CAUSE
		" Here the thread was in a range that fetches data, or silent before the copy of "
		"an input.", NULL, section_fill_idle },
	[FINDING_HOST_SYNC] = { "the host waits for the GPU, and the queue runs empty", HOW_CAUSE
		" Here it waited for the GPU to finish, or had just done so.", NULL,
		section_fill_gaps },
	[FINDING_ALLOCATION] = { "device memory is allocated or released inside the steps",
		HOW_CAUSE " Here it was in a call that allocates or releases.", NULL,
		section_fill_gaps },
	[FINDING_LOAD] = { "code is loaded inside the steps", HOW_CAUSE
		" Here it was in a call that loads modules.", NULL, section_fill_gaps },
	[FINDING_COMM_SETUP] = { "communicators are made inside the steps", HOW_CAUSE
		" Here it was making a communicator.", NULL, section_fill_gaps },
	[FINDING_LAUNCH_BOUND] = { "the host launches slower than the kernels run", HOW_CAUSE
		" Here gaps follow each other, each ended by a launch shortly after the last.",
		NULL, section_fill_idle },
	[FINDING_HOST_NO_CPU] = { "the launching thread was ready and had no CPU", HOW_HOST
		" Here the thread could have run, and the time it waited for a CPU grew.", NULL,
		section_fill_host },
	[FINDING_HOST_DEVICE] = { "the launching thread waited for a disk or a driver", HOW_HOST
		" Here it slept where nothing can wake it but a device (state D).", NULL,
		section_fill_host },
	[FINDING_ROTATING] = { "each step another rank is late, no single one",
		"All matched collectives that nobody leaves before all have come are looked at; "
		"the gain if every rank had come no later than the median is large, but no rank is "
		"late often enough to be named.", NULL, section_fill_blame },
	[FINDING_PAUSE] = { "a GPU stood still in a single step",
		"A step far longer than the median (robust z above 3, a fifth longer, 1 ms), "
		"and of whose excess one idle cause of one GPU makes up at least half.", NULL,
		section_fill_gaps },
	[FINDING_PAGEABLE] = { "copies from and to pageable memory",
		"Copies whose host end is pageable, and how much faster they would be at the rate "
		"of pinned ones of this GPU, or of its link.", NULL, section_fill_transfers },
	[FINDING_STAGED] = { "data goes from GPU to GPU through the host",
		"A copy to the host on one GPU followed by one of the same size from the host on "
		"another GPU of this machine.", NULL, section_fill_transfers },
	[FINDING_SMALL_COPIES] = { "many small copies", "Exposed time of copies below 64 KiB.",
		NULL, section_fill_transfers },
	[FINDING_COPIES_IN_LINE] = { "copies on the stream that computes",
		"Exposed time of copies between kernels of the same stream, without what other "
		"findings about copies count already.", NULL, section_fill_transfers },
	[FINDING_LINK] = { "a PCIe link below what slot and card allow",
		"Generation and width of the link sampled while the GPU worked, in every sample "
		"below the maximum; the loss is what exposed copies would take less at full speed.",
		NULL, section_fill_devices },
	[FINDING_LINK_SHARED] = { "GPUs share a link to the host",
		"Rates of large copies while another GPU of the machine copies the same way, and "
		"while none does; where the trace has none of these, as 'laggard calibrate' "
		"measured it.", NULL, section_fill_transfers },
	[FINDING_BELOW_CEILING] = { "copies are slower than this machine can copy",
		"Large pinned copies, by bytes and time, against what 'laggard calibrate' measured "
		"of this GPU: while all GPUs copy if several belong to the run, else alone. Below "
		"70 % of it the exposed time beyond counts, unless the link itself or other GPUs "
		"explain it. Without a calibration there is no such finding.", NULL,
		section_fill_transfers },
	[FINDING_LINK_ERRORS] = { "PCIe packets had to be repeated",
		"The link's counter of replays at the end less that at the begin.", NULL,
		section_fill_devices },
	[FINDING_BLOCKING_COMM] = { "compute waits for data to move between GPUs",
		"Time without compute that ended with communication, less the waiting for late "
		"ranks. What could be won is known where the bus bandwidth is below 70 % of what "
		"'laggard calibrate' measured with NCCL, or else of the slowest link.", NULL,
		section_fill_collectives },
	[FINDING_CONTENTION] = { "communication beside it slows compute",
		"Durations of the same kernels with and without communication beside them.", NULL,
		section_fill_kernels },
	[FINDING_BUBBLE] = { "stages of a pipeline idle by design",
		"Stages from the chain of Sends and Recvs, micro-batches from their number in a "
		"step; the share is (stages - 1) / (micro-batches + stages - 1).", NULL,
		section_fill_idle },
	[FINDING_THROTTLED] = { "a GPU lowered its clocks",
		"Samples taken while the GPU worked whose reasons for lower clocks are heat or "
		"hardware in more than 5 % of them, or the power limit in more than half.", NULL,
		section_fill_devices },
	[FINDING_UNDERFILLED] = { "kernels too small to fill the GPU",
		"Time of compute kernels with fewer blocks than the GPU has multiprocessors, of "
		"those whose launch shape is known.", "compute time", section_fill_kernels },
	[FINDING_MEMORY_FULL] = { "device memory is nearly full",
		"At most 5 % of the memory was left at its peak.", NULL, section_fill_devices },
	[FINDING_MEMORY_FREE] = { "device memory has room for a larger batch",
		"At least half of the memory is free at its peak on every GPU.", NULL,
		section_fill_devices },
	[FINDING_MEMORY_CHURN] = { "cudaMalloc and cudaFree in every step",
		"Two or more calls a step in the steady window.", NULL, section_fill_gaps },
	[FINDING_VERSIONS] = { "ranks run different software",
		"Versions and variables of each trace are compared with those of the first that "
		"tells them.", NULL, NULL },
	[FINDING_KNOWN_PROBLEM] = { "a combination of versions that is known to be broken",
		"Versions of driver, libraries and framework, and the GPU's name, against a list.",
		NULL, NULL },
	[FINDING_SETTING] = { "a variable that makes the program slower",
		"The recorded environment against a list.", NULL, NULL },
	[FINDING_IDLE] = { "nothing ran on the GPUs",
		"The window less the union of all kernels, copies and memsets of a GPU.", NULL,
		section_fill_idle },
	[FINDING_COMMUNICATION] = { "communication that no compute hides",
		"Union of communication kernels, less the union of compute kernels.", NULL,
		section_fill_time },
	[FINDING_COPY] = { "copies that nothing hides",
		"Union of copies and memsets, less the union of all kernels.", NULL,
		section_fill_transfers },
	[FINDING_IMBALANCE] = { "GPUs compute unequally long",
		"lambda = most compute / mean - 1, of GPUs that run the same program.", "the mean",
		section_fill_balance },
	[FINDING_HANG] = { "a collective hangs",
		"Flight recorders' dumps say how many operations each rank enqueued on a "
		"communicator: who has fewer, in a dump made after the others began to wait, has "
		"not come.", NULL, NULL },
	[FINDING_TRACE_UNREADABLE] = { "a trace could not be read", "Reading it failed.", NULL,
		NULL },
	[FINDING_RECORDS_LOST] = { "the recording lost records",
		"The losses that the recorder counted and wrote into the trace.", NULL, NULL },
	[FINDING_ROWS_REJECTED] = { "rows that cannot be true",
		"Rows with a negative duration, an impossible time or an unknown stream are left "
		"out.", NULL, NULL },
	[FINDING_GPU_TWICE] = { "two traces show the same work",
		"Rank, host, process, device, window, rows and compute are the same.", NULL, NULL },
	[FINDING_TRACE_WITHOUT_GPU_WORK] = { "a trace has no GPU work",
		"It could be read and has no kernel, copy or memset.", NULL, NULL },
	[FINDING_RANKS_MISSING] = { "ranks of the job are not among the traces",
		"The traces name a world size, and fewer ranks are here.", NULL, NULL },
	[FINDING_CLOCKS] = { "clocks of hosts differ",
		"Nobody leaves a barrier before all have entered: that bounds the offset of two "
		"clocks from both sides, at every matched barrier.", NULL, section_fill_clocks },
};

const struct finding_explanation *finding_explanation(enum finding_id id)
{
	return &explanations[id];
}

void explanations_add_list(struct text *out)
{
	for (int id = 0; id < FINDING_COUNT; id++)
		text_add_format(out, "%-*s %s\n", NAME_COLUMNS, finding_name((enum finding_id)id),
				explanations[id].what);
}

static void add_limit(struct text *out, enum severity severity, int64_t permille, const char *of)
{
	text_add(out, severity_name(severity));
	if (permille >= 1000)
		text_add(out, " never");
	else if (permille == 0)
		text_add(out, " always");
	else {
		text_add(out, " from ");
		number_add_percent(out, permille, 1000);
		text_add_format(out, " of %s", of == NULL ? "all GPU time" : of);
	}
}

static void add_thresholds(struct text *out, enum finding_id id)
{
	int64_t warning_permille = 0, error_permille = 0;
	finding_thresholds(id, &warning_permille, &error_permille);
	text_add(out, "Severity: ");
	add_limit(out, SEVERITY_WARNING, warning_permille, explanations[id].of);
	text_add(out, ", ");
	add_limit(out, SEVERITY_ERROR, error_permille, explanations[id].of);
	text_add(out, warning_permille > 0 ? ", else info\n" : "\n");
}

void explanation_add_kind(struct text *out, enum finding_id id)
{
	const struct finding_explanation *explanation = &explanations[id];
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	text_add_format(&words, "%s: %s\n", finding_name(id), explanation->what);
	text_add_format(&words, "How: %s\n", explanation->how);
	add_thresholds(&words, id);
	text_add_format(&words, "Advice: %s\n", finding_advice(id));
	lines_add(out, text_string(&words), REPORT_COLUMNS_MAX, 0, 4, 0);
	out->failed = out->failed || !text_is_ok(&words);
	text_end(&words);
}

static void add_numbers(struct text *out, const struct report *report,
			const struct finding *finding)
{
	text_add(out, "Numbers: ");
	if (finding->recoverable_ns > 0) {
		text_add_duration(out, finding->recoverable_ns);
		text_add(out, " GPU time recoverable, ");
		number_add_percent(out, finding->recoverable_ns, report->totals.window_ns);
		text_add(out, " of all");
	} else if (finding->gpu_ns > 0) {
		text_add_duration(out, finding->gpu_ns);
		text_add(out, " GPU time concerned; how much of it repairing would save is not "
			      "known");
	} else
		text_add(out, "no GPU time is attributed to it");
	if (finding->per_step_ns >= 0) {
		text_add(out, "; ");
		text_add_duration(out, finding->per_step_ns);
		text_add(out, " a step");
	}
	if (finding->count > 0) {
		text_add(out, "; count ");
		number_add_count(out, finding->count);
	}
	text_add_char(out, '\n');
}

void explanation_add_finding(struct text *out, const struct report *report,
			     const struct finding *finding)
{
	struct text words;
	text_begin(&words, WORDS_BYTES_MAX);
	text_add_format(&words, "%s: ", severity_name(finding->severity));
	finding_add_words(&words, report, finding);
	text_add_char(&words, '\n');
	add_numbers(&words, report, finding);
	lines_add(out, text_string(&words), REPORT_COLUMNS_MAX, 0, 4, 0);
	out->failed = out->failed || !text_is_ok(&words);
	text_end(&words);
}

void explanation_add_table(struct text *out, const struct report *report, enum finding_id id,
			   const struct report_style *style)
{
	for (size_t i = 0; i < report_section_count; i++)
		if (report_sections[i].fill == explanations[id].table)
			report_add_section_text(out, &report_sections[i], report, style);
}
