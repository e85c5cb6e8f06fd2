# SPDX-License-Identifier: MIT
# tests/control: what is recorded in windows, and `laggard ctl`, under the rig.
TAP_TESTS += tests/control/window_test.py tests/control/ctl_test.py
