# SPDX-License-Identifier: MIT
# tests/samples: what can be checked of samples/ without a GPU.
TAP_TESTS += tests/samples/samples_test.py tests/samples/demo_test.py tests/samples/torch_test.py

# PyTorch for the system's own Python: half a gigabyte and minutes, so it is none of install_packages.sh.
## check-torch: samples and PyTorch loops on the CPU, by torchrun too; installs Debian's python3-torch if there is none
.PHONY: check-torch
check-torch: all
	@/usr/bin/python3 -c 'import torch' 2>/dev/null || '$(PYTHON)' -c 'import torch' 2>/dev/null || \
		apt-get install -y --no-install-recommends python3-torch
	TORCH_FULL=1 B='$(B)' PYTHON='$(PYTHON)' python3 tests/run --build $(B) tests/samples/torch_test.py
