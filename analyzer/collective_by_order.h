/* SPDX-License-Identifier: MIT */
/*
 * One class of kernels that have no key, matched by order over its lanes: lanes whose ends agree
 * with those of a leader form a cluster and share its instances.
 *
 * Pure. Thread: one thread at a time.
 */
#ifndef ANALYZER_COLLECTIVE_BY_ORDER_H
#define ANALYZER_COLLECTIVE_BY_ORDER_H

#include "analyzer/collective_draft.h"

/* False: memory is short. */
bool class_match_by_order(struct matcher *matcher, const struct collective_class *class);

#endif
