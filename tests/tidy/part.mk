# SPDX-License-Identifier: MIT
# tests/tidy: the laws of the source text, checked.
TAP_TESTS += tests/tidy/tidy_test.py
