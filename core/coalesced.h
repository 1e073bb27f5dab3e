#include "core/vcpu.h"
void coalesced_destroy(struct vm *vm);
bool coalesced_write(struct vcpu *vcpu, bool pio, u64 addr, unsigned int len, const void *data);
