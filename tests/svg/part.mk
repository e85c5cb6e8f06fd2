# SPDX-License-Identifier: MIT
# tests/svg: pictures of traces, measured against the databases.
TAP_TESTS += tests/svg/svg_test.py
TAP_NEEDS += rig
