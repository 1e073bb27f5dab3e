# SPDX-License-Identifier: GPL-2.0-only
# The emulator: Bochs 3.0 from Debian's source package with our patches.
# shellcheck shell=bash

BOCHS_TARBALL=bochs_3.0+dfsg.orig.tar.xz
BOCHS_SHA256=78f6c73d4a6472d5130a87ab9dc306d02c7c71ed8e25b3a8ef642e2a7acd282b

# No speed display (--disable-show-ips): it logs from a signal handler and now
# and then deadlocks against the log's own mutex.  No plug-ins and no debugger:
# three times as fast.
BOCHS_CONFIGURE=(
	--with-nogui --enable-x86-64 --enable-smp --enable-vmx=2
	--enable-all-optimizations --enable-avx --enable-evex
	--enable-cpu-level=6 --enable-memtype --enable-long-phy-address
	--enable-monitor-mwait --enable-e1000 --disable-show-ips
	--disable-plugins --disable-debugger --disable-docbook
)
BOCHS_CXXFLAGS="-O3 -fomit-frame-pointer"

bochs_dir()
{
	local hash

	hash=$({
		echo "$BOCHS_SHA256 ${BOCHS_CONFIGURE[*]} $BOCHS_CXXFLAGS"
		cat "$HERE"/patches/*.patch
	} | sha256sum | cut -c1-12)
	echo "$CACHE/bochs-$hash"
}

# bochs_binary: the emulator to use; TESTHOST_BOCHS overrides.
bochs_binary()
{
	local dir

	if [ -n "${TESTHOST_BOCHS:-}" ]; then
		echo "$TESTHOST_BOCHS"
		return
	fi
	dir=$(bochs_dir)
	if [ -x "$dir/bochs" ]; then
		echo "$dir/bochs"
	elif [ -e "$dir/unavailable" ]; then
		command -v bochs
	fi
}

bochs_download()
{
	(cd "$CACHE/download" &&
		apt-get "${APT[@]}" source --download-only bochs/trixie)
	# The .dsc may be missing on a mirror: apt then fails although it has
	# fetched and verified the tarball.  What counts is the sum.
	echo "$BOCHS_SHA256  $CACHE/download/$BOCHS_TARBALL" | sha256sum -c -
}

bochs_fetch()
{
	mkdir -p "$CACHE/download"
	echo "$BOCHS_SHA256  $CACHE/download/$BOCHS_TARBALL" |
		sha256sum -c - >/dev/null 2>&1 && return 0
	private_apt trixie deb-src bochs_download
}

bochs_compile()
{
	local dir=$1 patch

	rm -rf "$dir/src" && mkdir -p "$dir/src" || return 1
	tar xf "$CACHE/download/$BOCHS_TARBALL" -C "$dir/src" \
		--strip-components=1 || return 1
	cd "$dir/src" || return 1
	for patch in "$HERE"/patches/*.patch; do
		patch -p1 <"$patch" || return 1
	done
	nice ./configure "${BOCHS_CONFIGURE[@]}" CXXFLAGS="$BOCHS_CXXFLAGS" &&
		nice make -j"$JOBS" bochs &&
		strip -o "$dir/bochs.new" bochs &&
		mv "$dir/bochs.new" "$dir/bochs" || return 1
	cd "$dir" && rm -rf src
}

bochs_fallback()
{
	local dir=$1

	say "the source of Bochs 3.0 cannot be had ($CACHE/log/bochs-fetch.log):" \
		"falling back to the packaged Bochs, which is slow and less exact"
	if ! command -v bochs >/dev/null; then
		[ "$(id -u)" -eq 0 ] ||
			die "package bochs is missing (emulator of the test host)"
		logged "installing package bochs (emulator of the test host)" \
			"$CACHE/log/packages.log" install_packages bochs
	fi
	: >"$dir/unavailable"
}

bochs_prepare_locked()
{
	local dir

	dir=$(bochs_dir)
	[ -x "$dir/bochs" ] && return 0
	need_packages bochs
	mkdir -p "$dir" "$CACHE/log"
	if ! bochs_fetch >"$CACHE/log/bochs-fetch.log" 2>&1; then
		bochs_fallback "$dir"
		return 0
	fi
	rm -f "$dir/unavailable"
	logged "building Bochs 3.0" "$CACHE/log/bochs-build.log" \
		bochs_compile "$dir"
}

bochs_prepare()
{
	if [ -z "${TESTHOST_BOCHS:-}" ] && [ ! -x "$(bochs_dir)/bochs" ]; then
		locked bochs bochs_prepare_locked || return 1
	fi
	[ -x "$(bochs_binary)" ]
}
