# SPDX-License-Identifier: MIT
# tests/browser: exported timelines in a real Trace Viewer, inside headless Chromium. install.sh installs both.
TAP_TESTS += tests/browser/chrome_test.py tests/browser/html_test.py
TAP_NEEDS += rig
