// SPDX-License-Identifier: GPL-2.0-only
/*
 * The libFuzzer target without libFuzzer: random inputs, and those of files.
 *
 *	robust COUNT [FILE...]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 0, i;
	struct rng r = { 1 };
	u8 buf[4096];
	unsigned int n;
	size_t size;
	FILE *f;
	int arg;

	for (i = 0; i < count; i++) {
		size = below(&r, 600);
		for (n = 0; n < size; n++)
			buf[n] = rnd(&r);
		/* interrupts and task switches, too, and descriptors */
		for (n = 90; n < size; n++)
			if (chance(&r, 40))
				buf[n] = chance(&r, 50) ? 0 : 0x93 | (buf[n] & 0x6c);
		LLVMFuzzerTestOneInput(buf, size);
	}
	for (arg = 2; arg < argc; arg++) {
		f = fopen(argv[arg], "r");
		if (!f)
			continue;
		size = fread(buf, 1, sizeof(buf), f);
		fclose(f);
		LLVMFuzzerTestOneInput(buf, size);
	}
	printf("# %llu random inputs, %d files\n", count, argc > 2 ? argc - 2 : 0);
	return 0;
}
