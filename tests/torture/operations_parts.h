/* SPDX-License-Identifier: MIT */
/*
 * What the files of operations share, and those operations that stand in other files than the table
 * of all: imports, and what is done with the traces of two ranks.
 *
 * Thread: one thread.
 */
#ifndef TESTS_TORTURE_OPERATIONS_PARTS_H
#define TESTS_TORTURE_OPERATIONS_PARTS_H

#include "tests/torture/operations.h"

#include <stddef.h>

enum { PATH_BYTES = 512 };

void path_in(char path[PATH_BYTES], const char *folder, const char *name);
/* What came out becomes part of the signature. */
void sign(struct outcome *outcome, const void *bytes, size_t size);
void sign_integer(struct outcome *outcome, int64_t value);
/* Signs every row of the database. */
bool read_all(const char *path, struct outcome *outcome, struct error *error);

bool run_import_kineto(const struct place *place, struct outcome *outcome, struct error *error);
bool run_import_packed(const struct place *place, struct outcome *outcome, struct error *error);
bool run_import_nsys(const struct place *place, struct outcome *outcome, struct error *error);

bool run_analyze(const struct place *place, struct outcome *outcome, struct error *error);
bool run_analyze_window(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_packed(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_perfetto(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_analysed(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_svg(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_nsys(const struct place *place, struct outcome *outcome, struct error *error);
bool run_export_html(const struct place *place, struct outcome *outcome, struct error *error);

#endif
