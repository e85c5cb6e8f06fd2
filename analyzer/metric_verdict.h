/* SPDX-License-Identifier: MIT */
/*
 * Is somebody to blame? From steps in which ranks came late to the verdict: nobody, one rank,
 * several ranks together, or lateness that wanders. A balanced job must never see a rank named, so
 * a rank is named only if it passes all of these:
 *
 *   share    repairing those named shortens the window by share_min_e12 or more;
 *   votes    it was among the m last of a step (m: how many are late together) more often than
 *            chance: the one-sided Clopper-Pearson lower bound of that frequency exceeds m /
 *            ranks, at vote_alpha up to vote_steps steps and stricter with more, down to
 *            vote_alpha_least (from 24 steps on);
 *   effect   the median over steps of its lateness exceeds effect_min times the noise: the largest
 *            of 1.4826 MAD over its own steps (or half the middle half if that is wider), the
 *            median of that over the other ranks, 1.4826 MAD of the other ranks' medians, and the
 *            clock error. Few steps can look steady by chance, so effect_min grows below
 *            effect_steps (metric_verdict.c says how).
 *            Not needed where the votes alone leave no doubt (vote_alpha_alone): a rank whose
 *            lateness varies much.
 *
 * Lateness in a step is the sum over its collectives of the arrival against the lower median of the
 * other members.
 *
 * Thread: pure functions; verdict_decide allocates, verdict_end frees.
 */
#ifndef ANALYZER_METRIC_VERDICT_H
#define ANALYZER_METRIC_VERDICT_H

#include "analyzer/metric_blame.h"

enum verdict_kind {
	VERDICT_NONE,		/* nothing worth repairing */
	VERDICT_CULPRIT,
	VERDICT_CO_CULPRITS,
	VERDICT_ROTATING,	/* much lateness, no rank behind it: jitter, data, pauses */
	VERDICT_UNKNOWN,	/* too few steps to tell */
};

struct verdict_gates {
	int64_t steps_warning;		/* fewer: UNKNOWN */
	int64_t steps_critical;
	int64_t share_min_e12;		/* of the window, for a rank to be named */
	int64_t rotating_share_min_e12;	/* fix_all_ns of the window, for ROTATING */
	int64_t rotating_entropy_e12;	/* above it lateness rotates, whoever passes */
	double vote_alpha;
	double vote_alpha_least;
	int64_t vote_steps;
	double vote_alpha_alone;
	int64_t effect_min;
	int64_t effect_steps;
};

extern const struct verdict_gates verdict_gates_usual;

struct verdict_rank {
	int64_t lateness_ns;		/* median over its steps; negative: early */
	int64_t noise_ns;
	int64_t steps;			/* in which it took part */
	int64_t steps_among_last;	/* in which it was one of the verdict's last_count last */
	int64_t persistence_low_e12;	/* lower bound of how often it is */
	bool is_late;			/* effect */
	bool is_persistent;		/* votes */
	bool is_named;
};

struct verdict {
	enum verdict_kind kind;
	const char *reason;		/* static text */
	bool may_be_critical;		/* enough steps for it */
	size_t rank_count;
	struct verdict_rank *ranks;
	size_t last_count;		/* m */
	size_t named_count;
	int64_t gain_ns;		/* of repairing those named */
	int64_t share_e12; /* gain_ns, or fix_all_ns with nobody named, of the window */
};

/* `blame` is what blame_measure made of `input`. */
bool verdict_decide(struct verdict *verdict, const struct blame *blame,
		    const struct blame_input *input, const struct verdict_gates *gates,
		    struct error *error);
void verdict_end(struct verdict *verdict);

#endif
