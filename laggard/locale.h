/* SPDX-License-Identifier: MIT */
/*
 * What the environment says about the characters of the terminal.
 *
 * Thread: main thread only.
 */
#ifndef LAGGARD_LOCALE_H
#define LAGGARD_LOCALE_H

#include <stdbool.h>

/* A locale of UTF-8, as the C library looks it up. */
bool locale_is_utf8(void);

#endif
