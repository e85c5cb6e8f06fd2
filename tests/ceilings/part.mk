# SPDX-License-Identifier: MIT
# tests/ceilings: `laggard calibrate`, and analyses that compare with what it measured. No GPU is needed.
TAP_TESTS += tests/ceilings/ceilings_test.py
