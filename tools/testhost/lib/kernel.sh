# SPDX-License-Identifier: GPL-2.0-only
# Host kernels.  Each is a directory in the cache with
#   vmlinuz    what is booted
#   modules/   the in-tree modules, flat
#   build      the directory to build external modules in (KDIR)
#   release    its uname -r
# shellcheck shell=bash disable=SC2094

source_version()
{
	dpkg-query -W -f '${Version}\n' linux-source-6.1 2>/dev/null ||
		echo missing
}

# fragments HOST: the config fragments of a kernel that we build.
fragments()
{
	echo "$HERE/config/lean.config"
	[ "$1" = lean ] || echo "$HERE/config/$1.config"
}

built_dir()
{
	local host=$1 hash

	hash=$({
		source_version
		fragments "$host" | xargs cat
	} | sha256sum | cut -c1-12)
	echo "$CACHE/kernel-$host-$hash"
}

# source_tree: linux-source-6.1 unpacked, clean and never written to again.
source_tree()
{
	echo "$CACHE/linux-source-$(source_version)"
}

unpack_source()
{
	local tree=$1

	rm -rf "$tree.new" && mkdir -p "$tree.new" || return 1
	tar xf /usr/src/linux-source-6.1.tar.xz -C "$tree.new" \
		--strip-components=1 || return 1
	mv "$tree.new" "$tree"
}

source_prepare_locked()
{
	local tree

	tree=$(source_tree)
	[ -e "$tree/Makefile" ] ||
		logged "unpacking linux-source-6.1" "$CACHE/log/unpack.log" \
			unpack_source "$tree"
}

source_prepare()
{
	pkg_installed linux-source-6.1 || need_packages lean
	[ -e "$(source_tree)/Makefile" ] ||
		locked linux-source source_prepare_locked
}

configure_built()
{
	local dir=$1 tree=$2 frag line
	shift 2

	make -C "$tree" O="$dir/build" tinyconfig || return 1
	cd "$dir/build" || return 1
	"$tree/scripts/kconfig/merge_config.sh" -m .config "$@" || return 1
	make olddefconfig || return 1
	# What a fragment asks for and does not get is a mistake of ours.
	for frag in "$@"; do
		while read -r line; do
			case $line in
			CONFIG_*=n)
				grep -q "^${line%=n}=" .config || continue ;;
			CONFIG_*)
				grep -qxF "$line" .config && continue ;;
			*)	continue ;;
			esac
			[ "$frag" != "$1" ] || ! overridden "$line" "${@:2}" ||
				continue
			echo "not in .config as asked for: $line"
			return 1
		done <"$frag"
	done
}

# overridden LINE FILE...: does a later fragment speak about this option?
overridden()
{
	local name=${1%%=*}
	shift
	[ $# -gt 0 ] && grep -q "^$name=" "$@"
}

compile_built()
{
	local dir=$1 tree=$2 mod
	shift 2

	configure_built "$dir" "$tree" "$@" || return 1
	nice make -C "$dir/build" -j"$JOBS" bzImage modules || return 1
	mkdir -p "$dir/modules" || return 1
	find "$dir/build" -name '*.ko' -exec cp {} "$dir/modules/" \; || return 1
	for mod in "$dir"/modules/*.ko; do
		strip --strip-debug "$mod" || return 1
	done
	cp "$dir/build/arch/x86/boot/bzImage" "$dir/vmlinuz" || return 1
	cp "$dir/build/include/config/kernel.release" "$dir/release"
}

built_prepare_locked()
{
	local host=$1 dir

	dir=$(built_dir "$host")
	[ -e "$dir/release" ] && return 0
	source_prepare_locked
	mkdir -p "$dir/build"
	# shellcheck disable=SC2046
	logged "building the $host host kernel" \
		"$CACHE/log/kernel-$host.log" \
		compile_built "$dir" "$(source_tree)" $(fragments "$host")
}

# Debian's own kernels, unpacked and not installed: "stock" is the one of this
# release, "6.12" the one of its backports.  The first one fetched is kept, so
# that work goes on without a network; "prepare --upgrade" looks for a newer.

# download_debian HOST NEW: into NEW, with APT set to the options of apt
download_debian()
{
	local host=$1 new=$2 image release headers version packages=()

	image=$(apt-cache "${APT[@]}" show --no-all-versions linux-image-amd64 |
		sed -n 's/^Depends: \(linux-image-[^ ,]*\) .*/\1/p')
	release=${image#linux-image-}
	[ -n "$release" ] || return 1
	version=$(apt-cache "${APT[@]}" show --no-all-versions "$image" |
		sed -n 's/^Version: //p')
	headers=linux-headers-$release
	mapfile -t packages < <(
		apt-cache "${APT[@]}" show --no-all-versions "$headers" |
		sed -n 's/^Depends: //p' | tr -s ' ,' '\n' |
		grep -E '^linux-(headers|kbuild)-')
	echo "$host: $image $version, headers need ${packages[*]}"
	rm -rf "$new" && mkdir -p "$new/deb" || return 1
	(cd "$new/deb" && apt-get "${APT[@]}" download "$image" "$headers" \
		"${packages[@]}") || return 1
	echo "$release" >"$new/release"
}

# unpack_debian NEW DIR: NEW is built up and then becomes DIR
unpack_debian()
{
	local new=$1 dir=$2 deb release headers mod

	release=$(cat "$new/release") || return 1
	for deb in "$new"/deb/*.deb; do
		dpkg -x "$deb" "$new/root" || return 1
	done
	rm -rf "$new/deb"
	mkdir -p "$new/modules" || return 1
	find "$new/root" -name '*.ko' -exec cp {} "$new/modules/" \;
	find "$new/root" -name '*.ko.xz' -exec cp {} "$new/modules/" \;
	find "$new/modules" -name '*.xz' -exec xz -d {} +
	for mod in irqbypass kvm kvm-intel; do
		[ -e "$new/modules/$mod.ko" ] || return 1
	done
	cp "$new/root/boot/vmlinuz-$release" "$new/vmlinuz" || return 1
	rm -rf "$new/root/lib/modules" "$new/root/boot"
	# The headers know where they should have been installed.
	headers=root/usr/src/linux-headers-$release
	sed -i "s,/usr/src,$dir/root/usr/src," "$new/$headers/Makefile" ||
		return 1
	ln -s "$headers" "$new/build" || return 1
	rm -rf "$dir" && mv "$new" "$dir"
}

fetch_debian()
{
	local host=$1 new=$CACHE/kernel-$1.new dir

	if [ "$host" = stock ]; then
		APT=(-oAPT::Sandbox::User=root)
		download_debian "$host" "$new" ||
			{ [ "$(id -u)" -eq 0 ] && apt-get update &&
			  download_debian "$host" "$new"; } || return 1
	else
		private_apt bookworm-backports deb \
			download_debian "$host" "$new" || return 1
	fi
	dir=$CACHE/kernel-$host-$(cat "$new/release")
	[ -e "$dir/build/Makefile" ] || unpack_debian "$new" "$dir" || return 1
	ln -sfn "${dir##*/}" "$CACHE/kernel-$host"
}

debian_prepare_locked()
{
	local host=$1

	[ -z "$UPGRADE" ] && [ -e "$CACHE/kernel-$host/build/Makefile" ] &&
		return 0
	logged "fetching Debian's kernel ($host)" \
		"$CACHE/log/kernel-$host.log" fetch_debian "$host"
}

# kernel_dir HOST: where the host kernel is (or will be).
kernel_dir()
{
	case $1 in
	lean|debug|guest) built_dir "$1" ;;
	stock|6.12) readlink -f "$CACHE/kernel-$1" ;;
	*) die "unknown host kernel '$1' (HOST=stock|lean|debug|6.12)" ;;
	esac
}

kernel_prepare()
{
	local host=$1

	case $host in
	lean|debug|guest)
		if [ "$(source_version)" = missing ] ||
		   [ ! -e "$(built_dir "$host")/release" ]; then
			need_packages lean
			locked linux-source built_prepare_locked "$host"
		fi ;;
	stock|6.12)
		if [ -n "$UPGRADE" ] ||
		   [ ! -e "$CACHE/kernel-$host/build/Makefile" ]; then
			need_packages fetch
			locked "kernel-$host" debian_prepare_locked "$host"
		fi ;;
	*)	kernel_dir "$host" ;;
	esac
}
