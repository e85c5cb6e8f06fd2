# SPDX-License-Identifier: MIT
# What is built, with which compiler and flags, and into which folder.
#
#   build/                 release, gcc          build/clang/                   release, clang
#   build/debug/           DEBUG=1               build/clang-address-undefined/ CC=clang SAN=...
# Configurations never share an object; a changed flag rebuilds (stamp in rules.mk).

ifeq ($(origin CC),default)
CC := gcc
endif
SAN ?=
DEBUG ?=
V ?=
WERROR ?=
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
PYTHON ?= python3
SQLITE_SOURCE ?=
CUDA_HOME ?= $(firstword $(wildcard /usr/local/cuda /opt/cuda))

comma := ,
empty :=
space := $(empty) $(empty)
compiler := $(notdir $(firstword $(CC)))
config := $(subst $(space),-,$(strip $(filter-out gcc cc,$(compiler)) $(subst $(comma),-,$(SAN)) \
	$(if $(DEBUG),debug)))
B := build$(if $(config),/$(config))

VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)
COMMIT := $(shell git describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	-Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum $(if $(WERROR),-Werror)
OPTIMISE := $(if $(DEBUG),-O0 -g3,$(if $(SAN),-O1 -g,-O2 -g))
# _FORTIFY_SOURCE needs an optimiser, and the sanitizers bring their own checks.
HARDENING := -fstack-protector-strong $(if $(DEBUG)$(SAN),,-D_FORTIFY_SOURCE=2)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)

# One set of position-independent objects serves the programs and libtrace.so alike.
CFLAGS := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARNINGS) $(OPTIMISE) $(HARDENING) \
	$(SANITIZE) $(EXTRA_CFLAGS)
CPPFLAGS := -I. $(EXTRA_CPPFLAGS)
LDFLAGS := -Wl,-z,relro -Wl,-z,now $(SANITIZE) $(EXTRA_LDFLAGS)

# Linked statically where the system has it (and always into libtrace.so).
ifneq ($(SQLITE_SOURCE),)
SQLITE_A := $(B)/obj/sqlite3.a
CPPFLAGS += -isystem $(SQLITE_SOURCE)
else
SQLITE_A := $(firstword $(wildcard $(foreach dir,$(shell $(CC) -print-search-dirs 2>/dev/null | \
	sed -n 's/^libraries: =//p' | tr ':' ' '),$(dir)/libsqlite3.a)))
endif
SQLITE_LIBS := $(if $(SQLITE_A),$(SQLITE_A),-lsqlite3) -lm -ldl -lpthread
