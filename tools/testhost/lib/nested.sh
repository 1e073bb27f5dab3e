# SPDX-License-Identifier: GPL-2.0-only
# TESTHOST=nested: the test host is a VM of the in-tree KVM with nested=1, in
# QEMU, in a host that Bochs emulates. What the back end "qemu" does, where there
# is no VT-x; and a VMX of somebody else's for the module.
# shellcheck shell=bash disable=SC2034,SC2154

# Kernel of the outer host
NESTED_HOST=lean

nested_prepare()
{
	kernel_prepare "$NESTED_HOST" || exit "$EXIT_SETUP"
	NESTED_QEMU=$("$TOP/tools/clients/prepare" qemu) || exit "$EXIT_SETUP"
}

# nest DIR KERNEL: DIR/initramfs.cpio, the test host's, becomes the outer host's
# with all of it inside, and $cmdline the outer host's command line
nest()
{
	local dir=$1 outer=$1/outer CMD=()

	base_tree "$outer" && add_tree "$outer" "$NESTED_QEMU" &&
		add_peer "$outer" "$(kernel_dir "$NESTED_HOST")" || return 1
	rm -rf "$outer/testhost"
	install -m 755 "$HERE/nested-init" "$outer/init" || return 1
	mkdir -p "$outer/nested" && cp "$2" "$outer/nested/vmlinuz" &&
		mv "$dir/initramfs.cpio" "$outer/nested/" || return 1
	qemu_command /nested /nested /dev/ttyS0
	printf '%q ' exec "${CMD[@]}" -serial /dev/ttyS1 \
		>"$outer/nested/command" || return 1
	make_initramfs "$outer" "$dir/initramfs.cpio" || return 1
	rm -rf "$outer"
	cmdline="console=ttyS0,115200 quiet loglevel=3 panic=-1 nokaslr"
	cmdline+=" mitigations=off tsc=nowatchdog tsc_early_khz=100000"
}
