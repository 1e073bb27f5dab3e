/* SPDX-License-Identifier: GPL-2.0-only */
/* Lengths: where Zydis and the emulator differ, and why it is no mistake */
	{ "PPRO", 1, 0x0b, "UD2: #UD by definition" },
	{ "PPRO", 1, 0xb9, "UD1: #UD by definition" },
	{ "PPRO", 1, 0xff, "UD0: #UD by definition" },
	{ "AMD3DNOW", 0, 0, "3DNow!: AMD only" },
	{ "PADLOCK", 0, 0, "PadLock: VIA only" },
	{ "KNC", 0, 0, "Knights Corner gave other meanings to VEX codes" },
	{ "", 1, 0x1a, "a NOP on CPUs without MPX" },
	{ "", 1, 0x1b, "a NOP on CPUs without MPX" },
