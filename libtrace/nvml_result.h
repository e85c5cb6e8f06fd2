/* SPDX-License-Identifier: MIT */
/*
 * NVML's answers in words.
 *
 * Thread: pure functions.
 */
#ifndef LIBTRACE_NVML_RESULT_H
#define LIBTRACE_NVML_RESULT_H

const char *nvml_result_text(int result);

#endif
