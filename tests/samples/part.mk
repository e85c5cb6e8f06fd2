# SPDX-License-Identifier: MIT
# tests/samples: what can be checked of samples/ without a GPU.
TAP_TESTS += tests/samples/samples_test.py tests/samples/demo_test.py
