// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's x87, SSE, AVX and AVX-512 registers, for the emulator.
 *
 * They are reached through the same image that KVM_GET_XSAVE and KVM_SET_XSAVE
 * use, in the standard format (SDM 1 13.4): slow, but an emulated vector move
 * is rare, and there is one way alone in which guest FPU state is touched.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xstate.h>
#include <asm/processor.h>
#include "x86/x86.h"

struct image {
	bool loaded;
	unsigned int size;
	u8 *data;
};

/*
 * A few KiB, and nobody to be told that there are none: the instruction has been
 * taken for one that cannot fail any more.
 */
static void get_image(struct vcpu *vcpu, struct image *im)
{
	im->size = x86_xsave_size();
	im->data = kvzalloc(im->size, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	im->loaded = vcpu->arch.fpu_loaded;
	if (im->loaded)
		x86_fpu_put(vcpu);
	x86_get_xsave(vcpu, im->data, im->size);
}

/*
 * What the guest has of it. Without CR4.OSXSAVE nobody asks XCR0 about SSE, so
 * that it may say no.
 */
static u64 features(struct vcpu *vcpu)
{
	return vcpu->arch.xcr0 | XFEATURE_MASK_FPSSE;
}

static void put_image(struct vcpu *vcpu, struct image *im, u64 written)
{
	u64 *xstate_bv = (u64 *)(im->data + FXSAVE_SIZE);

	if (written) {
		*xstate_bv |= written & features(vcpu);
		x86_set_xsave(vcpu, im->data);
	}
	if (im->loaded)
		x86_fpu_load(vcpu);
	kvfree(im->data);
}

void x86_fpu_read(struct vcpu *vcpu, void *buf, unsigned int off, unsigned int len)
{
	struct image im;

	memset(buf, 0, len);
	if (off + len > FXSAVE_SIZE)
		return;
	get_image(vcpu, &im);
	memcpy(buf, im.data + off, len);
	put_image(vcpu, &im, 0);
}

void x86_fpu_write(struct vcpu *vcpu, const void *buf, unsigned int off,
		   unsigned int len)
{
	struct image im;

	if (off + len > FXSAVE_SIZE)
		return;
	get_image(vcpu, &im);
	memcpy(im.data + off, buf, len);
	put_image(vcpu, &im, XFEATURE_MASK_FPSSE);
}

/*
 * A vector register is spread over up to three components (SDM 1 13.4.2,
 * 13.5.2 and 13.5.4). piece() answers where bytes @at .. of it are, and how many.
 */
static u8 *piece(const struct image *im, unsigned int reg, unsigned int at,
		 unsigned int *len, u64 *feature)
{
	static const struct {
		u8 feature;
		unsigned int from, bytes;
	} parts[] = {
		{ XFEATURE_SSE, 0, 16 },
		{ XFEATURE_YMM, 16, 16 },
		{ XFEATURE_ZMM_Hi256, 32, 32 },
		{ XFEATURE_Hi16_ZMM, 0, 64 },
	};
	unsigned int i, off, eax, ecx, edx;

	i = reg >= 16 ? 3 : at < 16 ? 0 : at < 32 ? 1 : 2;
	*feature = BIT_ULL(parts[i].feature);
	*len = parts[i].from + parts[i].bytes - at;
	if (i == 0)
		off = 160;	/* XMM0 in the FXSAVE image */
	else
		cpuid_count(0xd, parts[i].feature, &eax, &off, &ecx, &edx);
	off += (reg & 15) * parts[i].bytes + at - parts[i].from;
	if (!off || off + *len > im->size)
		return NULL;
	return im->data + off;
}

void x86_vec_read(struct vcpu *vcpu, unsigned int reg, void *buf, unsigned int len)
{
	unsigned int at, n;
	struct image im;
	u64 feature;
	u8 *p;

	memset(buf, 0, len);
	if (reg > 31 || len > 64)
		return;
	get_image(vcpu, &im);
	for (at = 0; at < len; at += n) {
		p = piece(&im, reg, at, &n, &feature);
		n = min(n, len - at);
		if (!p)
			break;
		memcpy(buf + at, p, n);
	}
	put_image(vcpu, &im, 0);
}

void x86_vec_write(struct vcpu *vcpu, unsigned int reg, const void *buf,
		   unsigned int len, bool zero_upper)
{
	unsigned int at, n, end = zero_upper ? 64 : len;
	u64 feature, written = 0;
	struct image im;
	u8 *p;

	if (reg > 31 || len > 64)
		return;
	get_image(vcpu, &im);
	for (at = 0; at < end; at += n) {
		p = piece(&im, reg, at, &n, &feature);
		if (at < len)
			n = min(n, len - at);
		if (!p || !(features(vcpu) & feature))
			break;
		if (at < len)
			memcpy(p, buf + at, n);
		else
			memset(p, 0, n);
		written |= feature;
	}
	put_image(vcpu, &im, written);
}
