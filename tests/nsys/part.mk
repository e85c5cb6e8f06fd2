# SPDX-License-Identifier: MIT
# tests/nsys: the importer of Nsight Systems exports, against a real export and made ones of all schemas; and our own
# exports in that layout.
TAP_TESTS += tests/nsys/import_nsys_test.py tests/nsys/import_nsys_hostile_test.py tests/nsys/export_nsys_test.py
nsys_tests_SRC := tests/nsys/import_driver.c
PARTS += nsys_tests
TAP_NEEDS += $(B)/tests/nsys_import_driver rig

$(B)/tests/nsys_import_driver: $(call objects,$(nsys_tests_SRC)) $(B)/obj/tracedb.a $(B)/obj/base.a
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(tracedb_LIBS)
