# SPDX-License-Identifier: GPL-2.0-only
# prepare, run, kdir, show; the back ends.
# shellcheck shell=bash disable=SC2034

# nested_vmx: can QEMU with KVM offer VT-x to its guest here?
nested_vmx()
{
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	grep -qw vmx /proc/cpuinfo || return 1
	case $(cat /sys/module/kvm_intel/parameters/nested 2>/dev/null) in
	Y|1) ;;
	*) return 1 ;;
	esac
}

# backend: TESTHOST resolved.
backend()
{
	case ${TESTHOST:-auto} in
	auto)	if nested_vmx; then
			echo qemu
		else
			echo bochs
		fi ;;
	native|qemu|bochs|nested) echo "$TESTHOST" ;;
	*)	die "TESTHOST is '$TESTHOST', not auto, native, qemu, bochs or nested" ;;
	esac
}

# cmd_packages GROUP...: all of them at once.  "emulator", "kernel" and "guest"
# (of QEMU) stand for what is needed to prepare those, if that is still to be done.
cmd_packages()
{
	local group host=${HOST:-stock} groups=()

	for group in "$@"; do
		case $group in
		emulator)
			case $(backend) in
			qemu)	groups+=(qemu) ;;
			bochs|nested)
				[ -n "$(bochs_binary)" ] ||
					groups+=(bochs) ;;
			esac ;;
		kernel)
			# Debian's kernel is the guest, in any case.
			[ -e "$CACHE/kernel-stock/build/Makefile" ] ||
				groups+=(fetch)
			case $host in lean|debug)
				[ -e "$(built_dir "$host")/release" ] ||
					groups+=(lean) ;;
			esac ;;
		guest)
			groups+=(clients)
			[ -e "$(built_dir guest)/release" ] ||
				groups+=(lean) ;;
		*)	groups+=("$group") ;;
		esac
	done
	need_packages "${groups[@]}"
}

# prepare_machine: what the back end runs the test host on.
prepare_machine()
{
	local which

	which=$(backend) || return 1
	case $which in
	qemu)	need_packages qemu ;;
	bochs|nested)
		bochs_prepare || die "no emulator"
		[ "$which" != nested ] || nested_prepare ;;
	native)	[ "$(id -u)" -eq 0 ] ||
			die "TESTHOST=native has to run as root" ;;
	esac
}

cmd_prepare()
{
	local host

	if [ "${1:-}" = --upgrade ]; then
		UPGRADE=y
		shift
	fi
	[ $# -gt 0 ] || set -- "${HOST:-stock}"
	need_packages host
	prepare_machine || exit "$EXIT_SETUP"
	for host in "$@"; do
		kernel_prepare "$host" || exit "$EXIT_SETUP"
	done
}

cmd_kdir()
{
	local host=${1:-${HOST:-stock}}

	kernel_prepare "$host" >&2 || exit "$EXIT_SETUP"
	echo "$(kernel_dir "$host")/build"
}

# cmd_kernel HOST: the directory with its vmlinuz and modules
cmd_kernel()
{
	local host=${1:-${HOST:-stock}}

	kernel_prepare "$host" >&2 || exit "$EXIT_SETUP"
	kernel_dir "$host"
}

cmd_show()
{
	local host dir

	echo "cache    $CACHE"
	echo "backend  $(backend)"
	echo "bochs    $(bochs_binary)"
	for host in stock 6.12 lean debug; do
		dir=$(kernel_dir "$host")
		echo "$host	$dir ($(cat "$dir/release" 2>/dev/null ||
			echo "not prepared"))"
	done
}

write_bochsrc()
{
	local dir=$1 com2=$2 bios vga='' strict='' mem=$mem resident
	local cpu=${cpu_model%%+*} added

	if [ "$cpu" != "$cpu_model" ]; then
		added=${cpu_model#*+}
		cpu+=", add_features=\"${added//+/ }\""
	fi

	# The outer host of a nested one has to keep that one's memory and image.
	[ "$which" != nested ] || mem=$((mem + 1024))
	resident=$mem
	# Bochs keeps no more in its own memory, the rest in a temporary file.
	[ "$mem" -le 2048 ] || resident=2048
	[ "$tlb" != strict ] || strict=", strict_tlb=1"
	bios=/usr/share/bochs/BIOS-bochs-latest
	for vga in /usr/share/vgabios/vgabios.bin \
		   /usr/share/bochs/VGABIOS-lgpl-latest; do
		[ ! -e "$vga" ] || break
	done
	{
		cat <<-EOF
		memory: guest=$mem, host=$resident
		romimage: file=$bios
		vgaromimage: file=$vga
		cpu: model=$cpu, count=$cpus, ips=100000000, reset_on_triple_fault=0$strict
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path="$dir/host.iso", status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=$dir/console.log
		com2: enabled=1, $com2
		clock: sync=none, time0=1700000000
		panic: action=fatal
		error: action=report
		info: action=report
		log: $dir/bochs.log
		EOF
		if bochs_packaged; then
			echo 'display_library: rfb, options="timeout=0"'
			# It dies where there is no sound card
			echo 'sound: waveoutdrv=dummy'
			echo 'speaker: enabled=0'
		else
			echo 'display_library: nogui'
		fi
	} >"$dir/bochsrc"
}

# bochs_packaged: is it the slow one of Debian 12, with debugger?
bochs_packaged()
{
	case $(bochs_binary) in "$CACHE"/*) return 1 ;; esac
	[ -z "${TESTHOST_BOCHS:-}" ]
}

# qemu_command KERNELDIR DIR CONSOLE: CMD set to QEMU without the second port
qemu_command()
{
	CMD=(qemu-system-x86_64 -nodefaults -no-user-config
		-accel kvm -cpu host -machine q35 -no-reboot
		-display none -m "$mem" -smp "$cpus"
		-kernel "$1/vmlinuz" -initrd "$2/initramfs.cpio"
		-append "$cmdline" -serial "$3")
}

# backend_command: CMD set to what starts the machine.
backend_command()
{
	local dir=$1 which=$2

	case $which in
	bochs|nested)
		CMD=("$(bochs_binary)" -q -f "$dir/bochsrc")
		if bochs_packaged; then
			echo c >"$dir/debugger.rc"
			CMD+=(-rc "$dir/debugger.rc")
		fi ;;
	qemu)
		qemu_command "$kdir" "$dir" "file:$dir/console.log"
		if [ -n "$interactive" ]; then
			CMD+=(-chardev "serial,id=com2,path=$dir/com2"
				-serial chardev:com2)
		else
			CMD+=(-serial "file:$dir/results.log")
		fi ;;
	native)
		CMD=("$HERE/native" "$dir") ;;
	esac
}

# fresh_dir: a directory of this run's own below build/testhost.
fresh_dir()
{
	local base=${TESTHOST_BUILD:-$TOP/build}/testhost

	mkdir -p "$base" || return 1
	if [ -n "$name" ]; then
		dir=$base/$name
		mkdir -p "$dir" || return 1
		exec 8>"$dir/.lock"
		flock -n 8 || die "a run named '$name' is going on ($dir)"
		find "$dir" -mindepth 1 ! -name .lock -delete
	else
		# Old nameless runs go, but not those of others that still run.
		find "$base" -maxdepth 1 -type d \
			\( -name 'run-*' -o -name 'selftests-*' \) -mmin +720 -exec rm -rf {} + 2>/dev/null
		dir=$(mktemp -d "$base/run-$(date +%H%M%S)-XXXX") || return 1
	fi
}

write_settings()
{
	local tree=$1 i=0 size channel=/dev/ttyS1 command

	size=$(stty size 2>/dev/null </dev/tty) || size="24 80"
	[ "$which" != native ] || channel=
	{
		echo "channel=$channel interactive=$interactive"
		echo "keep_going=$keep_going scan_leaks=$scan_leaks"
		echo "ROWS=${size% *} COLS=${size#* } TERM=${TERM:-vt100}"
		echo "native=$([ "$which" != native ] || echo y)"
		[ "$which" != bochs ] || echo "TLB=$tlb"
	} >"$tree/testhost/settings"
	for command in "${commands[@]}"; do
		i=$((i + 1))
		printf '%s\n' "$command" >"$tree/testhost/commands/$(
			printf %03d $i)"
	done
}

cmd_run()
{
	local host=${HOST:-stock} cpu_model=${CPU_MODEL:-}
	local cpus=${HOST_CPUS:-1} mem=${HOST_MEM:-2048}
	local tlb=${TLB:-plain}
	local limit=${TESTHOST_TIMEOUT:-600} name='' append='' interactive=''
	local grace=10 keep_going='' scan_leaks='' quiet='' peer='' file line which kdir
	local dir tree com2 cmdline
	local files=() trees=() modules=() commands=() CMD=()

	while [ $# -gt 0 ]; do
		case $1 in
		--host|--cpu-model|--cpus|--mem|--tlb|--timeout|--name|--append|\
		--file|--tree|--host-module|--commands|-c)
			[ $# -ge 2 ] || die "$1 needs a value" ;;
		esac
		case $1 in
		--host)		host=$2; shift ;;
		--cpu-model)	cpu_model=$2; shift ;;
		--cpus)		cpus=$2; shift ;;
		--mem)		mem=$2; shift ;;
		--tlb)		tlb=$2; shift ;;
		--timeout)	limit=$2; shift ;;
		--grace)	grace=$2; shift ;;
		--name)		name=$2; shift ;;
		--append)	append=$2; shift ;;
		--file)		files+=("$2"); shift ;;
		--tree)		trees+=("$2"); shift ;;
		--host-module)	modules+=("$2"); shift ;;
		--peer)		peer=y ;;
		--interactive)	interactive=y ;;
		--leaks)	scan_leaks=y ;;
		--keep-going)	keep_going=y ;;
		--quiet)	quiet=--quiet ;;
		-c)		commands+=("$2"); shift ;;
		--commands)
			[ -r "$2" ] || die "cannot read $2"
			while IFS= read -r line; do
				case $line in ''|'#'*) continue ;; esac
				commands+=("$line")
			done <"$2"
			shift ;;
		*)	die "unknown option '$1' (see testhost --help)" ;;
		esac
		shift
	done
	[ ${#commands[@]} -gt 0 ] || die "nothing to run: give -c or --commands"
	case $tlb in
	plain|strict) ;;
	*)	die "unknown TLB '$tlb': plain or strict" ;;
	esac

	which=$(backend) || exit "$EXIT_SETUP"
	need_packages host
	prepare_machine || exit "$EXIT_SETUP"
	if [ "$which" = bochs ] && bochs_packaged; then
		[ "$tlb" != strict ] ||
			say "the packaged Bochs has no strict TLB: going on without"
		tlb=plain
		case $cpu_model in
		*+*)
			say "the packaged Bochs cannot add ${cpu_model#*+}:" \
				"going on with another CPU"
			cpu_model= ;;
		esac
		# A kernel warns about the XSAVE area of its Skylake, and
		# from Haswell on it loses virtual interrupts.
		cpu_model=${cpu_model:-corei7_ivy_bridge_3770k}
	fi
	# A CPU that is not emulated here remembers what it will.
	[ "$which" = bochs ] || tlb=plain
	case $which in qemu|native) cpu_model="this machine's CPU" ;; esac
	[ "$which$interactive" != nestedy ] ||
		die "a nested test host has no terminal"
	cpu_model=${cpu_model:-corei7_skylake_x}
	kdir=
	if [ "$which" != native ]; then
		kernel_prepare "$host" || exit "$EXIT_SETUP"
		kdir=$(kernel_dir "$host")
	fi

	fresh_dir || die "cannot create the directory of this run"
	tree=$dir/tree
	base_tree "$tree" || die "cannot build $tree"
	for file in "${trees[@]}"; do
		add_tree "$tree" "$file" || die "cannot add $file"
	done
	for file in "${files[@]}"; do
		add_file "$tree" "$file" || die "cannot add $file"
	done
	for file in "${modules[@]}"; do
		add_module "$tree" "$kdir" "$file" || die "cannot add $file"
	done
	# On this machine itself its own KVM is where it always is.
	[ -z "$peer" ] || [ -z "$kdir" ] || add_peer "$tree" "$kdir" ||
		die "the in-tree KVM of this kernel is not at hand"
	write_settings "$tree"

	# The emulated TSC counts instructions at the emulated machine's own
	# rate, whatever frequency the CPU model announces.
	cmdline="console=ttyS0,115200 quiet loglevel=5 panic=0 nokaslr"
	cmdline+=" mitigations=off printk.devkmsg=on"
	[ "$which" != bochs ] && [ "$which" != nested ] ||
		cmdline+=" tsc=nowatchdog tsc_early_khz=100000"
	if [ "$host" = debug ]; then
		# Ten times as slow: what takes long need not hang.
		cmdline+=" sysctl.kernel.hung_task_timeout_secs=300"
		# Following every allocation doubles the time again.
		[ -n "$scan_leaks" ] || cmdline+=" kmemleak=off"
	fi
	# Bochs measures TSC deadlines from when the machine was switched on. A
	# kernel that cannot put the TSC back (TSC_ADJUST came with Haswell) is
	# lost in timer interrupts after suspend to RAM.
	case $cpu_model in
	*sandy_bridge*|*ivy_bridge*) cmdline+=" lapic=notscdeadline" ;;
	esac
	cmdline+="${append:+ $append}"

	: >"$dir/console.log"
	: >"$dir/results.log"
	if [ "$which" != native ]; then
		make_initramfs "$tree" "$dir/initramfs.cpio" ||
			die "cannot build the initramfs, see $dir"
		rm -rf "$tree"
	fi
	if [ "$which" = nested ]; then
		nest "$dir" "$kdir/vmlinuz" ||
			die "cannot build the outer host, see $dir"
		kdir=$(kernel_dir "$NESTED_HOST")
	fi
	if [ "$which" = bochs ] || [ "$which" = nested ]; then
		make_iso "$dir" "$kdir/vmlinuz" "$cmdline" ||
			die "cannot build the boot image, see $dir/xorriso.log"
		com2="mode=file, dev=$dir/results.log"
		[ -z "$interactive" ] || com2="mode=term, dev=$dir/com2"
		write_bochsrc "$dir" "$com2"
		rm -f "$dir/initramfs.cpio"
	fi
	backend_command "$dir" "$which"
	exec python3 "$HERE/serve.py" --dir "$dir" --timeout "$limit" \
		--grace "$grace" --label "$which, $host, $cpu_model, $cpus CPU$(
			[ "$tlb" != strict ] || echo ", strict TLB")" \
		${interactive:+--interactive} $quiet -- "${CMD[@]}"
}
