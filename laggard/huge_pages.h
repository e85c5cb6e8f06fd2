/* SPDX-License-Identifier: MIT */
/*
 * Huge pages for the memory of an analysis. It fills gigabytes once; taken in pages of 4 KiB, the
 * faults alone cost a third of its time. The C library asks for huge pages only where its tunable
 * says so as a program starts, so the program starts itself once more with it.
 *
 * Thread: main thread only, before any other.
 */
#ifndef LAGGARD_HUGE_PAGES_H
#define LAGGARD_HUGE_PAGES_H

/*
 * Returns where huge pages are in use, where they come by themselves, or where they cannot be had:
 * nothing but time depends on them. Otherwise starts `argv` anew. Whoever sets GLIBC_TUNABLES knows
 * better. Programs that this one starts later do not see the tunable.
 */
void huge_pages_use(char **argv);

#endif
