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

/*
 * Tables for protected mode: GDT at 15000 (CPL 0 memory), IDT at 15200, TSS at
 * 15400, inner stack 15800.
 * Descriptors: 8 code 0, 10 data 0, 1b code 3, 23 data 3, 28 TSS.
 */
#define GDT \
	"gdt.base=15000 gdt.limit=7f idt.base=15200 idt.limit=7ff " \
	"m8@15008=cf9b000000ffff m8@15010=cf93000000ffff " \
	"m8@15018=cffb000000ffff m8@15020=cff3000000ffff "
#define USER GDT "cs=1b ss=23 ds=23 es=23 cs.ar=c0fb ss.ar=c0f3 "
#define KERNEL GDT "cpl=0 cs=8 ss=10 ds=10 es=10 cs.ar=c09b ss.ar=c093 "
#define TSS "tr.base=15400 tr.limit=67 tr.ar=8b tr=28 m4@15404=15800 m4@15408=10 "

static const char *const real_mode[] = {
	"real cd21 int 21 | idt.limit=3ff m4@10084=12345678 ss.base=10000 rsp=100 fl=202 idt.base=10000 | rip=5678 cs=1234 cs.base=12340 rsp=fa fl=2 m2@100fa=1002 m2@100fc=0 m2@100fe=202",
	"real cd21 beyond the table | idt.limit=80 | fault=d",
	"real cf iret | ss.base=10000 rsp=fa m2@100fa=5678 m2@100fc=1234 m2@100fe=7202 | rip=5678 cs=1234 cs.base=12340 rsp=100 fl=7202",
	"real ea78563412 jmp 1234:5678 | | rip=5678 cs=1234 cs.base=12340",
	"real 9a78563412 call | ss.base=10000 rsp=100 | rip=5678 cs=1234 rsp=fc m2@100fc=1005 m2@100fe=0",
	"real cb retf | ss.base=10000 rsp=fc m4@100fc=00500030 | rip=30 cs=50 cs.base=500 rsp=100",
	"real 8ed8 mov ds,ax keeps limit and rights | rax=1234 ds.limit=ffffffff ds.ar=8093 | ds=1234 ds.base=12340 ds.limit=ffffffff ds.ar=8093",
	"real 8ed0 mov ss,ax | rax=100 | ss=100 ss.base=1000 shadow=2",
	"real 0f011e0010 lidt [1000] | ds.base=f000 m8@10000=123456780123 | idt.limit=123 idt.base=345678",
	"real 0f20c0 mov eax,cr0 | cr0=60000010 | rax=60000010",
	"real 0f22c0 mov cr0,eax | rax=11 | cr0=11",
	"real 0f01f0 lmsw ax | rax=1 cr0=10 | cr0=11",
	"real 0f00d0 lldt | | fault=6",
	"real 0f0200 lar | | fault=6",
	"real f4 hlt | | halted",
	"real 0fa2 cpuid | rax=1 rcx=5 | rax=2 rbx=5 rcx=11111111 rdx=22222222",
	"real ff1e0010 call far [1000] | ds.base=f000 m4@10000=22221111 ss.base=10000 rsp=100 | rip=1111 cs=2222 rsp=fc m2@100fc=1004",
	NULL
};

static const char *const protected_mode[] = {
	"p32 cd30 int 30, same level | " KERNEL "m8@15380=8e0000081234 fl=202 | cs=8 rip=1234 rsp=107f4 fl=2 m4@107f4=1002 m4@107f8=8 m4@107fc=202",
	"p32 cd30 trap gate keeps IF | " KERNEL "m8@15380=8f0000081234 fl=202 | rip=1234 rsp=107f4",
	"p32 cd30 from user, gate DPL 0 | " USER TSS "m8@15380=8e0000081234 fl=202 | fault=d,182",
	"p32 cd30 from user | " USER TSS "m8@15380=ee0000081234 fl=202 | cs=8 ss=10 rip=1234 rsp=157ec fl=2 m4@157ec=1002 m4@157f0=1b m4@157f4=202 m4@157f8=10800 m4@157fc=23 cpl=0",
	"p32 cd30 gate not present | " USER TSS "m8@15380=6e0000081234 | fault=b,182",
	"p32 cc int3 from user | " USER TSS "m8@15218=ee0000081234 fl=2 | cs=8 ss=10 rip=1234 rsp=157ec m4@157ec=1001 m4@157f4=2 cpl=0",
	"p32 ce into, OF clear | " USER "fl=2 | ",
	"p32 ce into, OF set | " USER TSS "m8@15220=ee0000081234 fl=802 | cs=8 ss=10 rip=1234 rsp=157ec cpl=0",
	"p32 cf iret to user | " KERNEL "rsp=15700 m4@15700=1122 m4@15704=1b m4@15708=246 m4@1570c=10400 m4@15710=23 ds.ar=c093 es=23 es.ar=c0f3 | cs=1b rip=1122 fl=246 rsp=10400 ss=23 ds=0 es=23 cpl=3",
	"p32 cf iret to v86 | " KERNEL "rsp=15700 m4@15700=1122 m4@15704=3000 m4@15708=23202 m4@1570c=fff0 m4@15710=1000 m4@15714=2000 m4@15718=4000 m4@1571c=5 m4@15720=6 | cs=3000 cs.base=30000 rip=1122 fl=23202 rsp=fff0 ss=1000 es=2000 ds=4000 fs=5 gs=6 cpl=3",
	"p32 ea443300000800 jmp 8:3344 | " KERNEL "| cs=8 rip=3344",
	"p32 ea443300001b00 jmp to user code | " KERNEL "| fault=d,18",
	"p32 9a000000003800 call gate to CPL 0, two parameters | " USER TSS "m8@15038=ec0200085678 m8@10800=2222222211111111 | cs=8 ss=10 rip=5678 rsp=157e8 m4@157e8=1007 m4@157ec=1b m4@157f0=11111111 m4@157f4=22222222 m4@157f8=10800 m4@157fc=23 cpl=0",
	"p32 ca0800 retf 8 to user | " KERNEL "rsp=157e8 m4@157e8=1007 m4@157ec=1b m4@157f0=1 m4@157f4=2 m4@157f8=10800 m4@157fc=23 | cs=1b ss=23 rip=1007 rsp=10808 ds=0 es=0 cpl=3",
	"p32 8ed8 mov ds, accessed bit is set | " KERNEL "rax=30 m8@15030=cf92000000ffff | ds=30 ds.ar=c093 m1@15035=93",
	"p32 8ed8 mov ds, not present | " KERNEL "rax=30 m8@15030=cf12000000ffff | fault=b,30",
	"p32 8ed0 mov ss, not present | " KERNEL "rax=30 m8@15030=cf12000000ffff | fault=c,30",
	"p32 8ed0 mov ss, null | " KERNEL "rax=0 | fault=d,0",
	"p32 8ee0 mov fs, beyond the table | " KERNEL "rax=80 | fault=d,80",
	"64 8ed0 mov ss, null at CPL 0 | cpl=0 rax=0 | ss=0 ss.ar=10000 shadow=2",
	"p32 0f00d8 ltr | " KERNEL "rax=28 m8@15028=890015400067 | tr=28 tr.base=1540 tr.limit=67 tr.ar=8b m1@1502d=8b",
	"p32 0f00d8 ltr, busy | " KERNEL "rax=28 m8@15028=8b0015400067 | fault=d,28",
	"p32 0f00d0 lldt | " KERNEL "rax=28 m8@15028=82001540000f | ldtr=28 ldtr.base=1540 ldtr.limit=f",
	"p32 0f01d0 xgetbv | rcx=0 | rax=e7",
	"p32 0f22d8 mov cr3, user | | fault=d,0",
	"p32 0f21c0 mov eax,dr0 | cpl=0 dr0=1234 | rax=1234",
	"p32 0f23c0 mov dr0,eax with GD | cpl=0 dr7=2400 | fault=1 cr2=2000",
	"p32 0f32 rdmsr | cpl=0 rcx=c0000082 lstar=1122334455667788 | rax=55667788 rdx=11223344",
	"p32 0f30 wrmsr, unknown | cpl=0 rcx=5 | fault=d,0",
	"p32 0f34 sysenter | " USER "sysenter_cs=8 sysenter_esp=15700 sysenter_eip=1200 fl=202 | cs=8 ss=10 rip=1200 rsp=15700 fl=2 cpl=0",
	"p32 0f35 sysexit | " KERNEL "sysenter_cs=8 rcx=10700 rdx=1300 | cs=1b ss=23 rip=1300 rsp=10700 cpl=3",
	"p32 0f06 clts | cpl=0 cr0=8001003b | cr0=80010033",
	NULL
};

static const char *const long_mode[] = {
	"64 0f05 syscall | star=230010deadbeef lstar=ffffffff81000000 sfmask=700 fl=702 | cs=10 ss=18 cs.ar=a09b ss.ar=c093 rip=ffffffff81000000 rcx=1002 r11=702 fl=2 cpl=0",
	"64 480f07 sysretq | cpl=0 star=23001000000000 rcx=4000 r11=10302 | cs=33 ss=2b cs.ar=a0fb rip=4000 fl=302 cpl=3",
	"64 0f07 sysretl | cpl=0 star=23001000000000 rcx=4000 r11=2 | cs=23 ss=2b cs.ar=c0fb rip=4000 fl=2 cpl=3",
	"64 480f07 sysretq, bad address | cpl=0 rcx=800000000000 | fault=d,0",
	"64 0f01f8 swapgs | cpl=0 gs.base=1234 kgs=ffff888000000000 | gs.base=ffff888000000000 kgs=1234",
	"64 cd30 int 30 | " GDT "cs=33 ss=2b tr.base=15400 tr.ar=8b tr.limit=67 m8@15404=15809 m8@15500=ee0000081234 m8@15008=209b0000000000 idt.limit=fff fl=202 | cs=8 ss=0 rip=1234 rsp=157d8 fl=2 m8@157d8=1002 m8@157e0=33 m8@157e8=202 m8@157f0=10800 m8@157f8=2b cpl=0",
	"64 48cf iretq | " GDT "cpl=0 rsp=15700 m8@15700=1122 m8@15708=1b m8@15710=246 m8@15718=10400 m8@15720=23 m8@15018=20fb0000000000 | cs=1b rip=1122 fl=246 rsp=10400 ss=23 cpl=3",
	"64 0f20c0 mov rax,cr0 | cpl=0 rax=ffffffffffffffff | rax=80050033",
	"64 440f20c0 mov rax,cr8 | cpl=0 | rax=0",
	"64 0f20c8 mov rax,cr1 | cpl=0 | fault=6",
	"64 0f0107 sgdt | rdi=10000 cpl=0 gdt.base=ffff888000001000 gdt.limit=7f | m8@10000=888000001000007f m2@10008=ffff",
	"64 f30faec8 rdgsbase eax | cr4=10000 gs.base=123456789 | rax=23456789",
	NULL
};

static const char *const virtual_8086[] = {
	"v86 cd21 int 21, IOPL 0 | fl=20202 | fault=d,0",
	"v86 cd21 int 21, IOPL 3, gate to CPL 0 | " GDT TSS "fl=23202 m8@15308=ee0000081234 ss=1000 ss.base=10000 rsp=100 ds=5 es=6 fs=7 gs=8 cs=9 cs.base=0 | cs=8 ss=10 rip=1234 rsp=157dc fl=3002 ds=0 es=0 fs=0 gs=0 m4@157dc=1002 m4@157e0=9 m4@157e4=23202 m4@157e8=100 m4@157ec=1000 m4@157f0=6 m4@157f4=5 m4@157f8=7 m4@157fc=8 cpl=0",
	"v86 cf iret, IOPL 0 | fl=20202 | fault=d,0",
	"v86 cf iret, IOPL 3 | fl=23002 ss.base=10000 rsp=100 m2@10100=1234 m2@10102=55 m2@10104=246 | rip=1234 cs=55 cs.base=550 rsp=106 fl=23246",
	"v86 8ed8 mov ds,ax | rax=1234 | ds=1234 ds.base=12340 ds.limit=ffff ds.ar=f3",
	"v86 f4 hlt | | fault=d,0",
	NULL
};

/* Task switches: old TSS 15400 (28), new TSS 15500 (30) */
#define TASKS KERNEL TSS \
	"m8@15028=8b0154000067 m8@15030=890155000067 " \
	"m4@1551c=77000 m4@15520=1500 m4@15524=246 m4@15528=a0 m4@1552c=a1 " \
	"m4@15530=a2 m4@15534=a3 m4@15538=15900 m4@1553c=a5 m4@15540=a6 " \
	"m4@15544=a7 m4@15548=10 m4@1554c=8 m4@15550=10 m4@15554=10 "
#define NEW "rax=a0 rcx=a1 rdx=a2 rbx=a3 rbp=a5 rsi=a6 rdi=a7 rsp=15900 " \
	"cr3=77000 tr=30 tr.base=15500 tr.ar=8b m1@15035=8b "

static const char *const tasks[] = {
	"p32 ea000000003000 jmp to a TSS | " TASKS "rax=11 fl=6 | rip=1500 fl=246 " NEW "m1@1502d=89 m4@15420=1007 m4@15424=6 m4@15428=11 m4@15438=10800 m2@1544c=8 cr0=8005003b",
	"p32 9a000000003000 call to a TSS | " TASKS "fl=6 | rip=1500 fl=4246 " NEW "m1@1502d=8b m2@15500=28",
	"p32 cf iret back | " TASKS "m8@15030=8b0155000067 fl=4002 m2@15400=30 | rip=1500 fl=246 " NEW "m1@1502d=89 m4@15424=2",
	"p32 ea000000003000 busy | " TASKS "m8@15030=8b0155000067 | fault=d,30",
	"p32 ea000000003000 short TSS | " TASKS "m8@15030=890155000066 | fault=a,30",
	"p32 ea000000003000 bad stack segment is the new task's fault | " TASKS "m4@15550=8 | rip=1500 fl=246 " NEW "fault=a,8",
	"p32 cd30 task gate | " TASKS "m8@15380=850000300000 fl=2 | rip=1500 fl=4246 " NEW "m2@15500=28 m4@15420=1002",
	NULL
};

const struct insn_group insn_groups[] = {
	{ "real mode", real_mode },
	{ "protected mode", protected_mode },
	{ "long mode", long_mode },
	{ "virtual-8086 mode", virtual_8086 },
	{ "task switches", tasks },
	{ "moves, memory and faults", moves },
	{ "devices in memory", mmio },
	{ "ports", ports },
	{ "interrupt flag", interrupt_flag },
	{ "strings", strings },
	{ NULL, NULL }
};
