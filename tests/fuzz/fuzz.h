/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target gives to libFuzzer and to the driver that replays its corpus (replay.c), and
 * what targets share.
 *
 * Thread: one thread.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The corpus is tests/fuzz/corpus/<name>. */
extern const char *const fuzz_name;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Ends the program, as a crash does, where a promise is broken. */
void fuzz_require(bool condition, const char *what);

/* An error of the input: one line that names the file. */
void fuzz_require_error(const struct error *error, const char *path);

enum { FUZZ_PATH_BYTES = 64 };

/* A fresh folder in memory; fuzz_folder_end demands that it is empty again. */
void fuzz_folder_begin(char folder[FUZZ_PATH_BYTES]);
void fuzz_folder_end(const char *folder);

#endif
