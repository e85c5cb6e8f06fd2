# SPDX-License-Identifier: MIT
# tests/flight: the flight recorder: what a dump holds, when one is made, and whom the analysis names when a job hangs.
TAP_TESTS += tests/flight/flight_test.py
