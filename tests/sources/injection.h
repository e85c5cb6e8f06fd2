/* SPDX-License-Identifier: MIT */
/*
 * The NVTX source as an injection library of its own, so that real NVTX instances attach to it
 * without a GPU.
 *
 * Thread: begin and report on one thread.
 */
#ifndef TESTS_SOURCES_INJECTION_H
#define TESTS_SOURCES_INJECTION_H

#define INJECTION_EXPORT __attribute__((visibility("default")))

/* Opens the logs: before the first NVTX call. */
INJECTION_EXPORT void injection_begin(void);

/* Ends the recording; its rows as lines of text. */
INJECTION_EXPORT const char *injection_report(void);

/* What NVTX looks for. */
INJECTION_EXPORT int InitializeInjectionNvtx2(void *get_export_table);
INJECTION_EXPORT int InitializeInjectionNvtxExtension(void *module_info);

#endif
