# SPDX-License-Identifier: GPL-2.0-only
# The test host's initramfs and boot image.
# shellcheck shell=bash

# base_tree DIR: busybox and the first process.
base_tree()
{
	local tree=$1 applet

	mkdir -p "$tree"/{bin,sbin,etc,proc,sys,dev,tmp,root,lib,lib64,run,mnt} \
		"$tree"/usr/{bin,sbin,lib} "$tree"/var/run \
		"$tree"/testhost/commands || return 1
	install -m 755 "$(command -v busybox)" "$tree/bin/busybox" || return 1
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
	done
	echo "root::0:0:root:/root:/bin/sh" >"$tree/etc/passwd"
	echo "root:x:0:" >"$tree/etc/group"
	printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
	install -m 755 "$HERE/init" "$tree/init"
}

# add_libs TREE FILE: the interpreter and shared libraries FILE runs with.
add_libs()
{
	local tree=$1 file=$2 lib

	readelf -lW "$file" 2>/dev/null | grep -q INTERP || return 0
	ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$tree$lib" ] || install -D -m 755 "$lib" "$tree$lib"
	done
}

# add_file TREE SRC[:DST]
add_file()
{
	local tree=$1 src=${2%%:*} dst=

	case $2 in *:*) dst=${2#*:} ;; esac
	[ -e "$src" ] || die "no such file: $src"
	case $dst in
	'')	dst=/root/${src##*/} ;;
	*/)	dst=$dst${src##*/} ;;
	esac
	mkdir -p "$tree$(dirname "$dst")" || return 1
	cp -L --remove-destination --preserve=mode,timestamps "$src" "$tree$dst" || return 1
	case $dst in
	# Debugging information of a stock kernel's module is twenty times
	# the module.
	*.ko)	strip --strip-debug "$tree$dst" ;;
	*)	[ ! -x "$src" ] || add_libs "$tree" "$src" ;;
	esac
}

# add_tree TREE DIR[:DST]
add_tree()
{
	local tree=$1 src=${2%%:*} dst=/ file

	case $2 in *:*) dst=${2#*:} ;; esac
	[ -d "$src" ] || die "no such directory: $src"
	mkdir -p "$tree$dst" && cp -a --remove-destination \
		"$src/." "$tree$dst/" || return 1
	find "$src" -type f -perm -u+x | while read -r file; do
		add_libs "$tree" "$file"
	done
}

# add_peer TREE KERNELDIR: the host kernel's own KVM and a command to load it.
add_peer()
{
	local tree=$1 dir=$2 mod

	mkdir -p "$tree/lib/modules-peer" || return 1
	for mod in irqbypass kvm kvm-intel; do
		[ ! -e "$dir/modules/$mod.ko" ] ||
			cp "$dir/modules/$mod.ko" "$tree/lib/modules-peer/" ||
			return 1
	done
	install -m 755 "$HERE/load-peer" "$tree/bin/load-peer"
}

# add_module TREE KERNELDIR NAME: another in-tree module, /lib/modules-host/
add_module()
{
	local file=$2/modules/$3.ko

	# The lean kernel has nearly everything built in.
	[ -e "$file" ] || return 0
	install -D -m 644 "$file" "$1/lib/modules-host/$3.ko"
}

# make_initramfs TREE OUT
make_initramfs()
{
	# Not compressed: unpacking it would be emulated, too.
	(cd "$1" && find . -print0 | sort -z |
		cpio --null -o -H newc -R 0:0 --quiet) >"$2"
}

# make_iso DIR KERNEL CMDLINE: DIR/host.iso from DIR/initramfs.cpio
make_iso()
{
	local dir=$1 kernel=$2 cmdline=$3 iso=$1/iso

	mkdir -p "$iso" || return 1
	ln -f "$dir/initramfs.cpio" "$iso/initrd" || return 1
	cp "$kernel" "$iso/vmlinuz" || return 1
	cp /usr/lib/ISOLINUX/isolinux.bin "$iso/" || return 1
	cp /usr/lib/syslinux/modules/bios/ldlinux.c32 "$iso/" || return 1
	cat >"$iso/isolinux.cfg" <<-EOF
	DEFAULT host
	PROMPT 0
	LABEL host
	KERNEL /vmlinuz
	INITRD /initrd
	APPEND $cmdline
	EOF
	xorriso -as mkisofs -quiet -o "$dir/host.iso" -b isolinux.bin \
		-c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
		"$iso" 2>"$dir/xorriso.log" || return 1
	rm -rf "$iso"
}
