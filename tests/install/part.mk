# SPDX-License-Identifier: MIT
# tests/install: what `make install` puts where, that it runs there, and that uninstall takes all of it away.
TAP_TESTS += tests/install/install_test.sh
