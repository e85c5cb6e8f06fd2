/* SPDX-License-Identifier: MIT */
/*
 * What libtrace says: one line on stderr, "laggard: ...", written by a single write so that lines
 * of several ranks do not mix. Keeps errno, raises no SIGPIPE, takes no lock of stdio.
 *
 * Thread: any.
 */
#ifndef LIBTRACE_NOTICE_H
#define LIBTRACE_NOTICE_H

void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
