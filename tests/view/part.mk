# SPDX-License-Identifier: MIT
# tests/view: `laggard view` as a server, and what it answers against the databases themselves.
TAP_TESTS += tests/view/view_test.py tests/view/tiles_test.py tests/view/analysis_test.py \
	tests/view/page_test.py tests/view/same_page_test.py tests/view/ending_test.py
TAP_NEEDS += rig $(B)/tests/make_trace
