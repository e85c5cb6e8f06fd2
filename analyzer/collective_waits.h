/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom in matched instances, by the meaning of the operation: the part of
 * collective_match that fills in times once clocks are known.
 *
 * Pure. Thread: any.
 */
#ifndef ANALYZER_COLLECTIVE_WAITS_H
#define ANALYZER_COLLECTIVE_WAITS_H

#include "analyzer/collective_match.h"

enum wait_rule {
	WAIT_NOT_KNOWN,
	WAIT_ALL,		/* everybody for the latest */
	WAIT_FOR_ROOT,		/* the others for the root only */
	WAIT_OF_ROOT,		/* the root only, for the latest */
};

enum wait_rule operation_wait_rule(const char *operation);

void collective_waits_fill(struct collective_match *match, const struct comm_lane *lanes);

#endif
