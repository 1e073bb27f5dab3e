// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory by linear address.
 */
#include <linux/mm.h>
#include "core/run.h"
#include "core/vcpu.h"

typedef int (*chunk_fn)(struct vcpu *vcpu, gpa_t gpa, void *data, unsigned int len);

static int read_chunk(struct vcpu *vcpu, gpa_t gpa, void *data, unsigned int len)
{
	return guest_read(vcpu->vm, gpa, data, len);
}

static int write_chunk(struct vcpu *vcpu, gpa_t gpa, void *data, unsigned int len)
{
	return guest_write(vcpu->vm, vcpu, gpa, data, len);
}

static int by_pages(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len,
		    u32 access, struct x86_exception *e, chunk_fn fn)
{
	gpa_t gpa;
	int ret;

	while (len) {
		unsigned int n = min_t(unsigned int, len,
				       PAGE_SIZE - offset_in_page(gva));

		ret = mmu_translate(vcpu, gva, access, &gpa, e);
		if (ret)
			return ret;
		if (fn(vcpu, gpa, data, n))
			return MMU_EMULATE;
		gva += n;
		data += n;
		len -= n;
	}
	return MMU_RESUME;
}

int vcpu_read_gva(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len,
		  u32 access, struct x86_exception *e)
{
	return by_pages(vcpu, gva, data, len, access, e, read_chunk);
}

int vcpu_write_gva(struct vcpu *vcpu, gva_t gva, const void *data,
		   unsigned int len, u32 access, struct x86_exception *e)
{
	return by_pages(vcpu, gva, (void *)data, len, access | MMU_ACC_WRITE, e,
			write_chunk);
}
