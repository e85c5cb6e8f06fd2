/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/hang.h"
#include "analyzer/report.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_words.h"

#include <stdlib.h>

enum { WORDS_BYTES = 4096 };

static void ranks_add(struct text *words, const int64_t *ranks, size_t count)
{
	text_add(words, count == 1 ? "rank " : "ranks ");
	words_add_ranges(words, ranks, count);
}

static void operation_add(struct text *words, const struct report_hang *hang)
{
	text_add_format(words, "%.32s", hang->operation[0] == 0 ? "an operation" : hang->operation);
	if (hang->sequence >= 0)
		text_add_format(words, " (sequence %lld)", (long long)hang->sequence);
	text_add_format(words, ", operation %lld of communicator 0x%llx", (long long)hang->place,
			(unsigned long long)hang->hash);
}

/* Who is missing, as far as the dumps show it; where they do not, that is said. */
static void hang_words(struct text *words, const struct report_hang *hang)
{
	operation_add(words, hang);
	text_add(words, ", hangs: ");
	ranks_add(words, hang->waiting, hang->waiting_count);
	text_add(words, hang->waiting_count == 1 ? " waits" : " wait");
	if (hang->waiting_ns > 0) {
		const struct time_unit *unit = time_unit_for(hang->waiting_ns);
		text_add(words, " for ");
		number_add_time(words, hang->waiting_ns, unit);
		text_add_format(words, " %s", unit->name);
	}
	if (hang->is_mixed)
		text_add(words, ", not all in the same operation");
	if (hang->missing_count > 0) {
		text_add(words, "; ");
		ranks_add(words, hang->missing, hang->missing_count);
		text_add(words, hang->missing_count == 1 ? " has" : " have");
		text_add(words, " not come to it");
	}
	if (hang->unknown_count > 0) {
		text_add(words, "; there is no dump that tells of ");
		ranks_add(words, hang->unknown, hang->unknown_count);
		if (hang->missing_count == 0)
			text_add(words,
				 hang->unknown_count == 1
					 ? ", for which the others wait unless its dump was lost"
					 : ", among which is who the others wait for unless their "
					   "dumps were lost");
	}
	if (hang->missing_count == 0 && hang->unknown_count == 0 && !hang->is_mixed)
		text_add(words, "; all ranks have come to it, so that none is missing");
}

bool findings_find_hangs(struct report *report)
{
	for (size_t i = 0; i < report->hang_count; i++) {
		const struct report_hang *hang = &report->hangs[i];
		struct text words;
		text_begin(&words, WORDS_BYTES);
		hang_words(&words, hang);
		const char *kept = text_is_ok(&words) ?
			arena_copy_text(report->arenas[0], text_string(&words), words.length) :
			NULL;
		text_end(&words);
		struct finding finding = {
			.id = FINDING_HANG, .gpu = SIZE_MAX, .share_e12 = -1, .per_step_ns = -1,
			.count = (int64_t)hang->missing_count, .a = hang->waiting_ns,
			.words = kept,
		};
		if (!__builtin_mul_overflow(hang->waiting_ns, (int64_t)hang->waiting_count,
					    &finding.gpu_ns))
			finding.recoverable_ns = finding.gpu_ns;
		if (kept == NULL || !finding_add(report, &finding))
			return false;
	}
	return true;
}
