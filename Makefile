# SPDX-License-Identifier: GPL-2.0-only
# Everything is built below build/; "make help" lists what can be made.

MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)
TOP := $(CURDIR)
O := $(TOP)/build
TESTHOST_CMD := tools/testhost/testhost

# One thing after the other here; the parts use all processors.
.NOTPARALLEL:
jobs = $(if $(findstring j,$(firstword -$(MAKEFLAGS))$(findstring -j,$(MAKEFLAGS))),,-j$(shell nproc))

# Host kernel that the test host runs, and that the module is built for.
export HOST CPU_MODEL HOST_CPUS HOST_MEM TESTHOST TLB
host = $(if $(filter native,$(TESTHOST)),native,$(or $(HOST),stock))

# What "make" alone builds for: KDIR, or the running kernel where its build
# directory is there, or HOST.
running := /lib/modules/$(shell uname -r)/build
ifdef KDIR
default_host := kdir
else
default_host := $(if $(HOST),$(HOST),$(if $(wildcard $(running)/Makefile),native,stock))
endif

# The guest of "make run" and "make shell". Selftests run under all kinds of MMU
# that the CPU has, or under MMU alone.
export MMU
CPUS ?= 1
MEM ?= 256M

.PHONY: all
all: module-$(default_host) vmrun ## build kvm.ko and the tools (KDIR=, or HOST=)

.PHONY: help
help: ## show this list
	@echo "targets:"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r t d; do printf '  %-22s %s\n' "$$t" "$$d"; done
	@echo "variables:"
	@echo "  KDIR=DIR             kernel build directory that 'make' builds for"
	@echo "  HOST=KERNEL          test host's kernel: stock (default), 6.12, lean, debug"
	@echo "  TESTHOST=BACKEND     auto (default), native, qemu, bochs or nested"
	@echo "  CPU_MODEL=MODEL      emulated CPU of the test host (corei7_skylake_x)"
	@echo "  HOST_CPUS=N          its processors (1); HOST_MEM=MIB its memory (2048)"
	@echo "  TLB=strict|plain     does the emulated CPU keep translations across VM exits?"
	@echo "  MMU=ept|shadow       the guest's memory management unit (auto); of the"
	@echo "                       selftests: default all that there are"
	@echo "  CPUS=N MEM=SIZE      the guest's processors (1) and memory (256M)"
	@echo "  T='NAME...'          only these selftests"
	@echo "  PEER=1               run, shell, selftest, torture and check-clients use the"
	@echo "                       host kernel's own KVM"
	@echo "  PARAMS='NAME=VALUE'  parameters of the module for run, shell and torture"
	@echo "  ARGS=...             options of fuzz-emulate and fuzz-emulate-coverage"
	@echo "  SEED= ROUNDS= OPS=   of torture; TIME=SECONDS of the host's clock,"
	@echo "                       MODES=MASK, KIND=ept|shadow|both"
	@echo "  V=1                  show the commands"

# ---- packages, emulator, kernels -------------------------------------------

# All at once and first, so that an ordinary user is told before anything else
# happens.  "emulator" and "kernel" are what building those takes, if need be.
.PHONY: packages-build packages-run packages-check
packages-build:
	$(Q)$(TESTHOST_CMD) packages build $(if $(filter native kdir,$(default_host)),,kernel)
packages-run:
	$(Q)$(TESTHOST_CMD) packages build host emulator kernel
packages-check:
	$(Q)$(TESTHOST_CMD) packages build host emulator kernel check guest

.PHONY: prepare
prepare: packages-check ## install, fetch and build all that is needed, once
	$(Q)tools/checks/check prepare

# ---- the module ------------------------------------------------------------
# One directory per kernel it is built for: build/stock/kvm.ko and so on, a tree
# of links to the sources, since the kernel's build system writes next to them.

source_dirs := core emulate ept irqchip mmu shadow uapi vmx x86

.PHONY: module
module: module-$(default_host) ## build kvm.ko alone

.PHONY: module-%
module-%: | packages-build
	$(Q)case $* in \
	kdir)	kdir='$(KDIR)' ;; \
	native)	kdir='$(running)' ;; \
	*)	kdir=$$($(TESTHOST_CMD) kdir $*) || exit ;; \
	esac; \
	[ -e "$$kdir/Makefile" ] || { \
		echo "$$kdir is not a kernel build directory" >&2; exit 2; }; \
	dir=$(O)/$*$(if $(KVM_SKIP_FLUSH),-skip-flush); \
	mkdir -p $$dir && \
	cp -rsf $(TOP)/Kbuild $(addprefix $(TOP)/,$(wildcard $(source_dirs))) \
		$$dir/ && \
	$(MAKE) $(jobs) -C "$$kdir" M=$$dir W=1 \
		$(if $(shell command -v pahole),,CONFIG_DEBUG_INFO_BTF_MODULES=) \
		$(if $(SPARSE),C=2 CF='$(SPARSE)') modules

# One that can leave out invalidations, for selftests/tlb.c to be caught at it:
# build/HOST-skip-flush/kvm.ko
.PHONY: module-skip-flush
module-skip-flush:
	$(Q)$(MAKE) module-$(host) KVM_SKIP_FLUSH=y

.PHONY: vmrun
vmrun: | packages-build ## build vmrun and the initramfs of its guest
	$(Q)$(MAKE) $(jobs) -C tools/vmrun O=$(O)/vmrun

# ---- running it ------------------------------------------------------------

vmrun_command = ./vmrun --kernel guest/vmlinuz --initrd guest/initramfs \
	--mem $(MEM) --cpus $(CPUS) --mmu $(or $(MMU),auto) $(vmrun_args)

.PHONY: run
run: vmrun_args = --expect "guest: OK" \
	--append "console=ttyS0 panic=-1 wanted_cpus=$(CPUS)" </dev/null
run: boot-guest ## boot Debian's kernel in a guest on our kvm.ko

.PHONY: shell
shell: vmrun_args = --append "console=ttyS0 panic=-1 quiet shell"
shell: boot-guest ## the same, with a shell in the guest

# PEER=1: not our module but the host kernel's own KVM, to compare.
ifdef PEER
kvm_options = --peer -c load-peer
boot-guest: vmrun
else
kvm_options = --file $(O)/$(host)/kvm.ko -c 'insmod kvm.ko $(PARAMS)'
boot-guest: module-for-host vmrun
endif
export PEER

.PHONY: boot-guest
boot-guest: | packages-run
	$(Q)guest=$$($(TESTHOST_CMD) kernel stock) && \
	$(TESTHOST_CMD) run --interactive --timeout 0 \
		$(kvm_options) --file $(O)/vmrun/vmrun \
		--file "$$guest/vmlinuz:/root/guest/vmlinuz" \
		--file $(O)/vmrun/guest.cpio:/root/guest/initramfs \
		-c '$(vmrun_command)'

.PHONY: module-for-host
module-for-host: module-$(host)

.PHONY: bench
bench: module-for-host vmrun | packages-run ## measure against the host kernel's own KVM
	$(Q)$(MAKE) -C selftests/bench run HOST=$(host)

# ---- checking it -----------------------------------------------------------

.PHONY: check
check: packages-check ## build everything, run checks and tests; logs in build/check/
	$(Q)tools/checks/check all

.PHONY: lint
lint: packages-check ## static checks alone; logs in build/check/
	$(Q)tools/checks/check lint

.PHONY: unit
unit: packages-check ## user-space unit tests alone
	$(Q)tools/checks/check unit

.PHONY: fuzz-emulate
fuzz-emulate: packages-check ## compare the emulator with the host CPU (ARGS='--seconds N')
	$(Q)$(MAKE) -C selftests/unit fuzz-emulate O=$(O)/unit

.PHONY: fuzz-emulate-coverage
fuzz-emulate-coverage: packages-check ## lines of emulate/ that unit tests and fuzzers execute
	$(Q)$(MAKE) -C selftests/unit fuzz-emulate-coverage O=$(O)/unit

.PHONY: selftest
selftest: packages-check ## selftests in the test host alone (T=, MMU=, HOST=lean is quick)
	$(Q)tools/checks/check selftest $(T)

# SEED= ROUNDS= OPS= TIME= (seconds of the host's clock) MODES= KIND=ept|shadow|both
.PHONY: torture
torture: $(if $(PEER),,module-for-host) | packages-run ## long page-table torture (SEED= ROUNDS= TIME= KIND=)
	$(Q)$(MAKE) $(jobs) -C selftests
	$(Q)$(TESTHOST_CMD) run --timeout 0 $(kvm_options) \
		--file $(O)/selftests/torture \
		-c './torture --seed $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom)) \
		--rounds $(or $(ROUNDS),10) --ops $(or $(OPS),2000) \
		--time $(or $(TIME),0) --kind $(or $(KIND),both) \
		$(if $(MODES),--modes $(MODES)) --shrink'

.PHONY: check-matrix
check-matrix: packages-check ## selftests, guest boot on several generations of CPUs
	$(Q)tools/checks/check matrix $(T)

.PHONY: check-boots
check-boots: packages-check ## make run with 1, 2, 4 and 8 CPUs, with APICv and without (T='4 8')
	$(Q)tools/checks/check boots $(T)

.PHONY: check-clients
check-clients: packages-check ## QEMU and the kernel's KVM selftests (T=, MMU=, PEER=1)
	$(Q)tools/checks/check clients $(T)

# The outer host's kernel is the lean one; so is the test host's unless told.
.PHONY: check-nested
check-nested: packages-check ## selftests in a VM of the in-tree KVM with nested=1
	$(Q)HOST=$(or $(HOST),lean) tools/checks/check nested $(T)

.PHONY: check-testhost
check-testhost: module-for-host vmrun | packages-check ## the test host's own tests (minutes; HOST=lean is quick)
	$(Q)tools/testhost/tests/run && case $(host) in \
	lean)	;; \
	debug)	tools/testhost/tests/run trouble ;; \
	*)	tools/testhost/tests/run next ;; \
	esac

.PHONY: clean
clean: ## remove build/
	rm -rf $(O)
