/* SPDX-License-Identifier: MIT */
#include "analyzer/findings.h"

#include "analyzer/ratio.h"
#include "analyzer/report.h"
#include "analyzer/report_numbers.h"
#include "analyzer/report_table.h"
#include "analyzer/report_words.h"

#include <string.h>

enum { LINK_GENERATION_SHIFT = 8, GB_DECIMALS = 1, WORDS_COLUMNS = 400 };

static const struct {
	const char *one;
	const char *all;
	const char *evidence;
} sentences[FINDING_COUNT] = {
#define FINDING(enumerator, name, warning, error, one, all, advice, evidence) \
	[enumerator] = { one, all, evidence },
#include "analyzer/findings.def"
#undef FINDING
};

static void add_number(struct text *out, int64_t number, const char *unit, size_t length)
{
	static const char *const units[] = { "time", "size", "rate", "percent", "link" };
	size_t found = 0;
	while (found < sizeof units / sizeof units[0] &&
	       (strlen(units[found]) != length || memcmp(units[found], unit, length) != 0))
		found++;
	switch (found) {
	case 0:
		text_add_duration(out, number);
		break;
	case 1:
		text_add_size(out, number);
		break;
	case 2:
		if (!number_add_rate(out, number, 1000000000, GB_DECIMALS))
			text_add_char(out, '0');
		text_add(out, " GB/s");
		break;
	case 3:
		number_add_percent_e12(out, number);
		break;
	case 4:
		text_add_format(out, "%lld x%lld", (long long)(number >> LINK_GENERATION_SHIFT),
				(long long)(number & ((1 << LINK_GENERATION_SHIFT) - 1)));
		break;
	default:
		number_add_count(out, number);
	}
}

static bool is_word(const char *at, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(at, word, length) == 0;
}

/* "2 ms a step (9 %, 1 s GPU time)", without steps "9 % (1 s GPU time)" */
static void add_loss(struct text *out, const struct finding *finding)
{
	int64_t share_e12 = finding->share_e12 < 0 ? 0 : finding->share_e12;
	if (finding->per_step_ns >= 0) {
		text_add_duration(out, finding->per_step_ns);
		text_add(out, " a step (");
		number_add_percent_e12(out, share_e12);
		text_add(out, ", ");
	} else {
		number_add_percent_e12(out, share_e12);
		text_add(out, " (");
	}
	text_add_duration(out, finding->gpu_ns);
	text_add(out, " GPU time)");
}

/* One {place} of a sentence. */
static void add_place(struct text *out, const struct report *report, const struct finding *finding,
		      const char *at, size_t length)
{
	if (is_word(at, length, "gpu") && finding->gpu != SIZE_MAX)
		words_add_gpu(out, report, finding->gpu);
	else if (is_word(at, length, "gpu_id")) {
		/* About all GPUs: gpu_id = gpu_id. */
		if (finding->gpu == SIZE_MAX)
			text_add(out, "gpu_id");
		else
			text_add_integer(out, (int64_t)finding->gpu);
	} else if (is_word(at, length, "loss"))
		add_loss(out, finding);
	else if (is_word(at, length, "share"))
		number_add_percent_e12(out, finding->share_e12 < 0 ? 0 : finding->share_e12);
	else if (is_word(at, length, "time"))
		text_add_duration(out, finding->gpu_ns);
	else if (is_word(at, length, "count"))
		number_add_count(out, finding->count);
	else if (is_word(at, length, "words"))
		name_add(out, finding->words == NULL ? "" : finding->words, WORDS_COLUMNS);
	else if (length > 1 && (at[0] == 'a' || at[0] == 'b') && at[1] == ':')
		add_number(out, at[0] == 'a' ? finding->a : finding->b, at + 2, length - 2);
	else
		add_number(out, at[0] == 'a' ? finding->a : finding->b, "", 0);
}

static void add_template(struct text *out, const struct report *report,
			 const struct finding *finding, const char *sentence)
{
	for (const char *at = sentence; *at != 0; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		if (end == NULL) {
			text_add_char(out, *at);
			continue;
		}
		add_place(out, report, finding, at + 1, (size_t)(end - at - 1));
		at = end;
	}
}

void finding_add_words(struct text *out, const struct report *report, const struct finding *finding)
{
	const char *one = sentences[finding->id].one, *all = sentences[finding->id].all;
	const char *sentence = finding->gpu == SIZE_MAX || one == NULL ? all : one;
	sentence = sentence == NULL ? one : sentence;
	if (sentence == NULL)
		words_add_finding(out, report, finding);
	else
		add_template(out, report, finding, sentence);
}

void finding_add_evidence(struct text *out, const struct report *report,
			  const struct finding *finding)
{
	add_template(out, report, finding, sentences[finding->id].evidence);
}
