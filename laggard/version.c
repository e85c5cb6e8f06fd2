/* SPDX-License-Identifier: MIT */
#include "laggard/version.h"

/* Both come from the makefile, into this object only: a commit rebuilds one file. */
#ifndef LAGGARD_VERSION
#define LAGGARD_VERSION "unknown"
#endif
#ifndef LAGGARD_COMMIT
#define LAGGARD_COMMIT "unknown"
#endif

const char *const laggard_version = LAGGARD_VERSION;
const char *const laggard_commit = LAGGARD_COMMIT;
