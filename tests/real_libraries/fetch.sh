#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: fetch.sh FOLDER    (environment: REAL_LIBRARIES=yes, no to leave it, all for NCCL 2.22, too: 119 MB more)
#
# Gets NVIDIA's libraries that load without a GPU, for the tests of tests/real_libraries: the user-mode driver, NVML,
# CUPTI with its headers, the CUDA runtime and the old shared NVTX, as Debian packages them in its non-free section; and
# where all is wanted an old NCCL from contrib, with the C library that it needs.
#
# The system is left alone: apt works with lists, cache and sources of its own below FOLDER, and its packages are
# unpacked there, never installed. They come from the mirror that the system uses, by name, and apt verifies them by
# the keys of the system's debian-archive-keyring. About 43 MB, once: what is there is not fetched again. Where
# something cannot be had, FOLDER/missing says why in one line, which the tests name when they skip, and nothing is
# tried again for an hour.
set -eu

if [ $# -ne 1 ]; then
	echo 'usage: fetch.sh FOLDER' >&2
	exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The suite, the folder of its CUDA, that of its driver, and its packages. The driver's folder says the branch as well.
sets='bookworm 11.8 driver-535 libcupti11.8 libcupti-dev libcudart11.0 libnvtoolsext1 libcuda1 libnvidia-ml1
trixie 12.4 driver-550 libcupti12 libcupti-dev libcudart12 libnvtoolsext1 libcuda1 libnvidia-ml1'
components='non-free'
if [ "${REAL_LIBRARIES:-yes}" = all ]; then
	sets="$sets
trixie nccl-2.22 - libnccl2 libc6 libstdc++6 libgcc-s1"
	components='non-free contrib main'
fi

give_up() {
	echo "$1" > "$folder/missing"
	rm -rf "$folder/apt"
	echo "real libraries: $1; the tests with them will be skipped" >&2
	exit 1
}

# What apt complained of, or else $1.
reason() {
	sed -n 's/^[EW]: //p; T; q' "$state/log" | grep . || echo "$1"
}

is_complete() {
	echo "$sets" | while read -r suite name rest; do
		[ -f "$folder/$name.versions" ] || exit 1
	done
}

! is_complete || exit 0
[ "${REAL_LIBRARIES:-yes}" != no ] || give_up 'REAL_LIBRARIES=no'
if [ -n "$(find "$folder/missing" -mmin -60 2>/dev/null)" ] && ! grep -q '^REAL_LIBRARIES=' "$folder/missing"; then
	echo "real libraries: $(cat "$folder/missing") (not tried again within an hour)" >&2
	exit 1
fi
[ "$(uname -m)" = x86_64 ] || give_up "these packages are for x86_64, this machine is $(uname -m)"
for tool in apt-get apt-config dpkg-deb timeout; do
	command -v $tool >/dev/null 2>&1 || give_up "no $tool: not a Debian system"
done
[ -f $keyring ] || give_up 'no keys to verify packages of Debian: debian-archive-keyring is not installed'

# The mirror that this system uses, whatever the suite.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/$' | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian/}

state=$folder/apt
rm -rf "$state"
mkdir -p "$state/etc/parts" "$state/etc/preferences.d" "$state/lists/partial" "$state/archives/partial" "$state/got"
for suite in bookworm trixie; do
	echo "deb [signed-by=$keyring arch=amd64] $mirror $suite $components"
done > "$state/etc/sources.list"
: > "$state/status"
{
	# How the system reaches its mirror (a proxy, say) and what it thinks of old snapshots, but no index that
	# its desktop adds.
	apt-config dump Acquire 2>/dev/null | grep -v '^Acquire::IndexTargets' || true
	cat <<-END
		Dir "$state";
		Dir::Etc "$state/etc";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "$state/etc/parts";
		Dir::Etc::sourcelist "$state/etc/sources.list";
		Dir::Etc::sourceparts "$state/etc/parts";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state";
		Dir::Cache::archives "$state/archives";
		Acquire::Languages "none";
		APT::Update::Error-Mode "any";
		Acquire::Retries "1";
		Acquire::http::Timeout "8";
		Acquire::https::Timeout "8";
		APT::Get::AllowUnauthenticated "false";
		# Its user would not be let into this folder.
		APT::Sandbox::User "$(id -un)";
	END
} > "$state/apt.conf"
export APT_CONFIG="$state/apt.conf"

timeout "$([ "$components" = non-free ] && echo 18 || echo 120)" apt-get -q update >"$state/log" 2>&1 ||
	give_up "no lists of Debian's non-free packages from $mirror: $(reason 'no answer in time')"

# unpack VERSION-FOLDER DRIVER-FOLDER: what the tests need of the packages in $state/got.
unpack() {
	rm -rf "$state/tree" "$folder/$1"
	mkdir -p "$state/tree" "$folder/$1/lib"
	[ "$2" = - ] || mkdir -p "$folder/$2"
	for package in "$state"/got/*.deb; do
		# The static libraries are most of it, and of no use here.
		dpkg-deb --fsys-tarfile "$package" |
			tar -x -C "$state/tree" --exclude='*.a' --exclude='*/doc/*'
	done
	for file in "$state/tree/usr/include/"cupti*.h "$state/tree/usr/include/"generated_*.h; do
		[ ! -f "$file" ] || { mkdir -p "$folder/$1/include" && mv "$file" "$folder/$1/include"; }
	done
	# shellcheck disable=SC2044
	for file in $(find "$state/tree" -name 'lib*.so*' -o -type f -name 'ld-linux-*'); do
		case ${file##*/} in
		libcuda.so.[1-9]* | libnvidia-ml.so.[1-9]*) cp -a "$file" "$folder/$2" ;;
		libnccl.so.* | ld-linux-* | libc.so.6 | lib[mg]*.so.* | libstdc++.so.* | libpthread.so.0 | libdl.so.2 | librt.so.1)
			[ "$2" != - ] || cp -a "$file" "$folder/$1" ;;
		libcupti.so.* | libcudart.so.* | libnvToolsExt.so.*) cp -a "$file" "$folder/$1/lib" ;;
		esac
	done
	for name in libcuda libnvidia-ml; do
		[ "$2" != - ] || break
		real=$(cd "$folder/$2" && ls $name.so.*.*.* | head -n 1)
		ln -sf "$real" "$folder/$2/$name.so.1"
	done
	rm -rf "$state/tree"
}

echo "$sets" | while read -r suite cuda driver packages; do
	[ ! -f "$folder/$cuda.versions" ] || continue
	echo "real libraries: fetching $cuda"
	rm -f "$state"/got/*
	wanted=''
	for package in $packages; do wanted="$wanted $package/$suite"; done
	# shellcheck disable=SC2086
	(cd "$state/got" && timeout 300 apt-get -q download $wanted) >"$state/log" 2>&1 ||
		give_up "$(reason "the packages of $suite did not come in time")"
	unpack "$cuda" "$driver" || give_up "the packages of $suite cannot be unpacked"
	# Last: it says that the rest is complete.
	(cd "$state/got" && ls ./*.deb | sed 's|^\./||') > "$folder/$cuda.versions"
done
is_complete || exit 1
rm -rf "$state" "$folder/missing"
