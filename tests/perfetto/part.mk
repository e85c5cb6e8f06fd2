# SPDX-License-Identifier: MIT
# tests/perfetto: exported Perfetto traces, decoded by a reader of our own and by protoc.
TAP_TESTS += tests/perfetto/perfetto_test.py
TAP_NEEDS += rig
