/* SPDX-License-Identifier: MIT */
/*
 * Which laggard this is.
 *
 * Thread: constant data only.
 */
#ifndef LAGGARD_VERSION_H
#define LAGGARD_VERSION_H

extern const char *const laggard_version;	/* "0.1.0" */
extern const char *const laggard_commit;	/* abbreviated, or "unknown" */

#endif
