# SPDX-License-Identifier: MIT
# tests/doctor: `laggard doctor` on the simulated machine, and on a process of it.
TAP_TESTS += tests/doctor/doctor_test.py
TAP_NEEDS += rig
