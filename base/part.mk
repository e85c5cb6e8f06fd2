# SPDX-License-Identifier: MIT
# base: error, arena, text, options, maps. Uses libc only.
PARTS += base
base_SRC := $(wildcard base/*.c)
$(eval $(call archive,base))
