// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases that the differential fuzzer cannot make: devices, ports, modes other
 * than user mode. See insn_cases.h for the notation.
 */
#include <stddef.h>
#include "insn_cases.h"

static const char *const moves[] = {
	"64 8907 mov [rdi],eax | rdi=10000 rax=1122334455667788 | m4@10000=55667788 m4@10004=0 calls=2",
	"64 488b07 mov rax,[rdi] | rdi=10000 m8@10000=8877665544332211 | rax=8877665544332211",
	"64 8a07 mov al,[rdi] | rdi=10000 m1@10000=5a rax=ffffffffffffff00 | rax=ffffffffffffff5a",
	"64 c60742 mov byte [rdi],42 | rdi=10003 | m1@10003=42",
	"64 48c707ffffffff mov qword [rdi],-1 | rdi=10000 | m8@10000=ffffffffffffffff",
	"64 0fb607 movzx eax,byte [rdi] | rdi=10000 m1@10000=fe rax=ffffffffffffffff | rax=fe",
	"64 480fbf07 movsx rax,word [rdi] | rdi=10000 m2@10000=8001 | rax=ffffffffffff8001",
	"64 a10000010000000000 mov eax,[10000] | m4@10000=1234 | rax=1234",
	"64 8807 read-only page | rdi=13000 | fault=e,7 cr2=13000",
	"64 8907 second page missing | rdi=13ffe | fault=e,7 cr2=13ffe",
	"64 8907 second page read-only | rdi=12ffe rax=11111111 | fault=e,7 cr2=13000 m2@12ffe=0",
	"64 8b07 system page | rdi=15000 | fault=e,5 cr2=15000",
	"64 8b07 system page at CPL 0 | cpl=0 rdi=15000 m4@15000=77 | rax=77",
	"64 8b07 not canonical | rdi=800000000000 | fault=d,0",
	"64 8b0424 not canonical, stack | rsp=800000000000 | fault=c,0",
	"real 8907 mov [bx],ax | rbx=ffff ds.base=10000 rax=12345 | fault=d",
	"real 67668907 mov [edi],eax | ds.base=10000 rdi=100 rax=12345678 | m4@10100=12345678",
	"p32 f00107 lock add | rdi=10000 m4@10000=5 rax=3 races=2 | m4@10000=a fl=6",
	"p32 f001c0 lock on a register | | fault=6",
	"p32 f08907 lock mov | | fault=6",
	NULL
};

static const char *const mmio[] = {
	"64 8907 write | rdi=20004 rax=12345678 | w4@20004=12345678 calls=3",
	"64 8b07 read | rdi=20008 | r4@20008 rax=a3a2a1a0",
	"64 488b07 read 8 | rdi=20008 | r8@20008 rax=a7a6a5a4a3a2a1a0",
	"64 0fb607 movzx | rdi=20000 | r1@20000 rax=a0",
	"64 0107 add [dev],eax | rdi=20000 rax=1 | r4@20000 w4@20000=a3a2a1a1 fl=82",
	"64 f00107 lock add | rdi=20000 rax=1 | r4@20000 w4@20000=a3a2a1a1 fl=82",
	"64 8707 xchg | rdi=20000 rax=55 | r4@20000 w4@20000=55 rax=a3a2a1a0",
	"64 ff30 push [dev] | rax=20000 | r8@20000 rsp=107f8 m8@107f8=a7a6a5a4a3a2a1a0",
	"64 8f00 pop [dev] | rax=20000 m8@10800=42 | w8@20000=42 rsp=10808",
	"64 8b07 from device to RAM page | rdi=22ffe | fault=e,4 cr2=23000",
	"64 8b07 from posted device into RAM | rdi=21ffe m2@22000=beef | r2@21ffe rax=beefa1a0",
	"64 8907 from posted device into RAM | rdi=21ffe rax=12345678 | w2@21ffe=5678 m2@22000=1234",
	"64 480fc70f cmpxchg8b | rdi=20000 rax=1 | r8@20000 r8@20008 w8@20000=a7a6a5a4a3a2a1a0 w8@20008=afaeadacabaaa9a8 rax=a7a6a5a4a3a2a1a0 rdx=afaeadacabaaa9a8",
	"64 f3a4 rep movsb to device | rsi=10000 rdi=20000 rcx=3 m4@10000=030201 | w1@20000=1 w1@20001=2 w1@20002=3 rsi=10003 rdi=20003 rcx=0",
	"64 f3a5 rep movsd from device | rsi=20000 rdi=10000 rcx=2 | r4@20000 r4@20004 m8@10000=a7a6a5a4a3a2a1a0 rsi=20008 rdi=10008 rcx=0",
	"64 f3ab rep stosd, posted | rdi=21000 rcx=3 rax=9 | yield w4@21000=9 rdi=21004 rcx=2",
	"64 f3a4 rep movsb device to device | rsi=20000 rdi=20100 rcx=2 | r1@20000 w1@20100=a0 r1@20001 w1@20101=a1 rsi=20002 rdi=20102 rcx=0",
	"64 a6 cmpsb both devices | rsi=20000 rdi=20100 | r1@20100 r1@20000 rsi=20001 rdi=20101 fl=2",
	"p32 60 pusha to device | rsp=20020 rax=1 rcx=2 rdx=3 rbx=4 rbp=5 rsi=6 rdi=7 | w4@2001c=1 w4@20018=2 w4@20014=3 w4@20010=4 w4@2000c=20020 w4@20008=5 w4@20004=6 w4@20000=7 rsp=20000",
	"p32 61 popa from device | rsp=20000 | r4@20000 r4@20004 r4@20008 r4@2000c r4@20010 r4@20014 r4@20018 r4@2001c rdi=a3a2a1a0 rsi=a7a6a5a4 rbp=abaaa9a8 rbx=b3b2b1b0 rdx=b7b6b5b4 rcx=bbbab9b8 rax=bfbebdbc rsp=20020",
	NULL
};

static const char *const ports[] = {
	"64 e460 in al,60 | cpl=0 rax=ffff | i1@60 rax=ffa0",
	"64 ed in eax,dx | cpl=0 rdx=3f8 rax=ffffffffffffffff | i4@3f8 rax=a3a2a1a0",
	"64 e680 out 80,al | cpl=0 rax=12 | o1@80=12",
	"64 66ef out dx,ax | cpl=0 rdx=10170 rax=123456 | o2@170=3456",
	"64 ec user, no bitmap | rdx=3f8 tr.base=10000 m2@10066=68 | fault=d,0",
	"64 ec user, IOPL 3 | rdx=3f8 iopl=3 | i1@3f8 rax=a0",
	"64 ec user, bitmap allows | rdx=13 tr.base=10000 tr.limit=90 m2@10066=68 m2@1006a=fff7 | i1@13 rax=a0",
	"64 ed user, bitmap forbids one of four | rdx=10 tr.base=10000 tr.limit=90 m2@10066=68 m2@1006a=8 | fault=d,0",
	"v86 ec v86 looks at the bitmap | rdx=13 iopl=3 tr.base=10000 m2@10066=68 | fault=d,0",
	"real ec real mode | rdx=13 | i1@13 rax=a0",
	"64 f36e rep outsb, batched | cpl=0 rsi=10000 rcx=4 rdx=e9 m4@10000=64636261 | o1@e9x4=61 rsi=10004 rcx=0",
	"64 f36d rep insd, batched | cpl=0 rdi=10000 rcx=2 rdx=1f0 | i4@1f0x2 rdi=10008 rcx=0 m8@10000=a7a6a5a4a3a2a1a0",
	"64 6e outsb | cpl=0 rsi=10000 rdx=e9 m1@10000=41 | o1@e9=41 rsi=10001",
	"64 6c insb | cpl=0 rdi=10000 rdx=e9 | i1@e9 m1@10000=a0 rdi=10001",
	"64 6c insb to a read-only page reads no port | cpl=0 rdi=13000 rdx=e9 | fault=e,3 cr2=13000",
	"64 f36c rep insb stops at the page's end | cpl=0 rdi=10ffe rdx=e9 rcx=6 | yield i1@e9x2 rdi=11000 rcx=4 m2@10ffe=a1a0",
	NULL
};

static const char *const interrupt_flag[] = {
	"64 fa cli | cpl=0 fl=202 | fl=2",
	"64 fb sti | cpl=0 | fl=202 shadow=1",
	"64 fb sti, IF was set | cpl=0 fl=202 | shadow=0",
	"64 fa cli, user | | fault=d,0",
	"p32 fa cli, PVI | cr4=2 fl=80002 | fl=2",
	"p32 fb sti, PVI, VIP | cr4=2 fl=100002 | fault=d,0",
	"v86 fa cli, IOPL 3 | fl=23202 | fl=23002",
	"v86 fa cli, VME | fl=a0202 cr4=1 | fl=20202",
	"v86 9c pushf, IOPL 0 | fl=20202 | fault=d,0",
	"v86 9c pushf, VME | fl=a0002 cr4=1 ss.base=10000 rsp=100 | rsp=fe m2@100fe=3202",
	"v86 9d popf, VME | fl=20202 cr4=1 ss.base=10000 rsp=100 m2@10100=0202 | rsp=102 fl=a0202",
	NULL
};

static const char *const strings[] = {
	"64 f3aa rep stosb, plain memory | rdi=10010 rcx=100 rax=7e | rdi=10110 rcx=0 m8@10010=7e7e7e7e7e7e7e7e m1@1010f=7e m1@10110=0 calls=8",
	"64 f348a5 rep movsq, across a page | rsi=10ff8 rdi=12000 rcx=2 m8@10ff8=11 m8@11000=22 | rsi=11008 rdi=12010 rcx=0 m8@12000=11 m8@12008=22",
	"64 f3a4 rep movsb, overlap | rsi=10000 rdi=10001 rcx=8 m1@10000=55 | rsi=10008 rdi=10009 rcx=0 m8@10001=5555555555555555",
	"64 f3a4 rep movsb, second page faults | rsi=10000 rdi=12ffc rcx=10 m4@10000=04030201 | fault=e,7 cr2=13000 rsi=10004 rdi=13000 rcx=c m4@12ffc=04030201",
	"64 f3ae repe scasb | rdi=10000 rcx=10 rax=0 m1@10005=1 | rdi=10006 rcx=a fl=97",
	"64 f2ae repne scasb | rdi=10000 rcx=10 rax=1 m1@10005=1 | rdi=10006 rcx=a fl=46",
	"64 a4 movsb down | rsi=10005 rdi=10105 fl=402 m1@10005=9 | m1@10105=9 rsi=10004 rdi=10104",
	"64 f3aa nothing to do | rdi=0 rcx=0 | ",
	"real f3aa rep stosb wraps in 64 KiB | es.base=10000 rdi=100 rcx=10004 rax=1 | rdi=104 rcx=10000 m4@10100=01010101 m1@10104=0",
	"64 f3aa single-stepped | rdi=10000 rcx=3 fl=102 | yield rdi=10001 rcx=2",
	NULL
};

const struct insn_group insn_groups[] = {
	{ "moves, memory and faults", moves },
	{ "devices in memory", mmio },
	{ "ports", ports },
	{ "interrupt flag", interrupt_flag },
	{ "strings", strings },
	{ NULL, NULL }
};
