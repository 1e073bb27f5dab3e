// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254 programmable interval timer (Intel data sheet 231164) at port 0x40,
 * and the system control port 0x61 that gates its channel 2.
 *
 * A channel is what was loaded and when; counts and outputs are computed from
 * the clock when somebody looks. Channel 0 also drives GSI 0, by an hrtimer.
 *
 * Reinjection: a guest that counts ticks must get every one. A tick that is
 * due while the last is not completed waits in backlog and follows at the EOI.
 * Without reinjection it is lost, as in hardware.
 *
 * Lock: pit.lock, a leaf. Every start of the hrtimer is made under it, and its
 * callback checks under it whether it was stopped or restarted meanwhile; so
 * nobody has to wait for a callback with the lock held or interrupts off.
 * GSI 0 is driven after unlocking.
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include "core/compat.h"
#include "pit.h"

#define PORT_61		0x61
#define MAX_BACKLOG	1000	/* ticks owed: 10 s of a 100 Hz guest */
#define MAX_UNTAKEN	1000	/* in a row, and no vCPU has looked */

/* States of the byte-wise transfer of a count, as the ABI has them */
enum rw_state {
	RW_NONE, RW_LSB, RW_MSB, RW_WORD0, RW_WORD1
};

/* Why the timer of a periodic channel 0 is off */
enum stall {
	TICKING,
	OWED,		/* MAX_BACKLOG: until one is taken */
	UNTAKEN,	/* MAX_UNTAKEN: until a vCPU looks, which is asked to */
};

struct pit {
	raw_spinlock_t lock;
	struct irqchip *chip;			/* [I] */
	struct pit_channel ch[3];		/* lock */
	u32 flags;				/* lock; KVM_PIT_FLAGS_HPET_LEGACY */
	bool speaker;				/* lock; port 0x61 bit 1 */
	bool armed;				/* lock; channel 0 ticks */
	u64 period;				/* lock; ns, 0: one shot */
	struct hrtimer timer;
	u8 reinject;				/* lock */
	u8 stalled;				/* lock; enum stall */
	u32 untaken;				/* lock; ticks that reached nobody new */
	bool in_flight;				/* lock; a tick waits for its EOI */
	u32 backlog;				/* lock; ticks not completed */
	struct io_device dev, port61;
};

/* ---- channel 0's ticks ------------------------------------------------------ */

/*
 * A VM that nobody runs takes no ticks. When MAX_BACKLOG are owed, which is as
 * many as there will be, the timer stops until one is taken. Without reinjection,
 * and where the line is masked, none is owed: it stops after MAX_UNTAKEN until a
 * vCPU of the VM runs. In step, then.
 */
static void go_on(struct pit *pit)
{
	pit->untaken = 0;
	if (likely(pit->stalled == TICKING))
		return;
	pit->stalled = TICKING;
	hrtimer_forward_now(&pit->timer, ns_to_ktime(pit->period));
	hrtimer_start_expires(&pit->timer, HRTIMER_MODE_ABS_HARD);
}

static void reset_reinject(struct pit *pit)
{
	pit->in_flight = false;
	pit->backlog = 0;
	if (pit->stalled == OWED)
		go_on(pit);
}

static void inject(struct pit *pit)
{
	struct vm *vm = pit->chip->vm;
	unsigned long flags;
	int ret;

	ret = irqchip_set_line(vm, IRQ_SRC_PIT, 0, true);
	irqchip_set_line(vm, IRQ_SRC_PIT, 0, false);
	raw_spin_lock_irqsave(&pit->lock, flags);
	if (ret > 0)
		pit->untaken = 0;
	else if (pit->untaken < MAX_UNTAKEN)
		pit->untaken++;
	/* nobody listens: no EOI will come, and nothing is owed */
	if (ret < 0)
		reset_reinject(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static enum hrtimer_restart pit_expired(struct hrtimer *timer)
{
	struct pit *pit = container_of(timer, struct pit, timer);
	enum hrtimer_restart again = HRTIMER_NORESTART;
	unsigned long flags;
	bool fire = false, ask = false;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (pit->armed && !hrtimer_is_queued(timer)) {
		fire = !pit->reinject || !pit->in_flight;
		if (pit->reinject) {
			pit->in_flight = true;
			if (pit->backlog < MAX_BACKLOG)
				pit->backlog++;
		}
		if (!pit->period) {
			pit->armed = false;
		} else if (pit->backlog == MAX_BACKLOG) {
			pit->stalled = OWED;
		} else if (pit->untaken == MAX_UNTAKEN) {
			pit->stalled = UNTAKEN;
			ask = true;
		} else {
			hrtimer_forward_now(timer, ns_to_ktime(pit->period));
			again = HRTIMER_RESTART;
		}
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	if (fire)
		inject(pit);
	if (unlikely(ask))
		vm_request_all(pit->chip->vm, REQ_PIT, false);
	return again;
}

void irqchip_pit_look(struct vcpu *vcpu)
{
	struct irqchip *chip = vcpu->vm->irqchip;
	/* pairs with irqchip_create_pit() */
	struct pit *pit = chip ? smp_load_acquire(&chip->pit) : NULL;
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	if (pit->stalled == UNTAKEN)
		go_on(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void pit_eoi(struct pit *pit)
{
	unsigned long flags;
	bool fire = false;

	raw_spin_lock_irqsave(&pit->lock, flags);
	if (pit->in_flight) {
		if (pit->backlog)
			pit->backlog--;
		go_on(pit);
		fire = pit->backlog;
		pit->in_flight = fire;
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	if (fire)
		inject(pit);
}

/* What was missed while masked is not made up for */
void pit_unmasked(struct pit *pit)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	reset_reinject(pit);
	go_on(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

bool pit_wants_eoi(struct pit *pit)
{
	return READ_ONCE(pit->reinject);
}

static void stop_ticks(struct pit *pit)
{
	pit->armed = false;
	pit->stalled = TICKING;
	pit->untaken = 0;
	/* a callback under way sees that it is not armed */
	hrtimer_try_to_cancel(&pit->timer);
}

/* Tick as channel 0 says, in phase with its load time */
static void start_ticks(struct pit *pit)
{
	struct pit_channel *c = &pit->ch[0];
	u64 period, late;
	s64 when;

	stop_ticks(pit);
	reset_reinject(pit);
	pit->period = 0;
	if (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY || !c->s.count)
		return;
	period = mul_u64_u32_div(c->s.count, NSEC_PER_SEC, PIT_HZ);
	when = c->s.count_load_time + period;
	switch (c->s.mode) {
	case 0:
	case 4:
		/* restored after it had run out */
		if (when < ktime_get_ns() &&
		    c->s.count_load_time + NSEC_PER_SEC < ktime_get_ns())
			return;
		break;
	case 2:
	case 3:
		period = irqchip_limit_period(period);
		pit->period = period;
		when = c->s.count_load_time + period;
		if (when < ktime_get_ns()) {
			late = ktime_get_ns() - when;
			when += (div64_u64(late, period) + 1) * period;
		}
		break;
	default:
		/* 1 and 5 wait for an edge of the gate, which is wired high */
		return;
	}
	pit->armed = true;
	hrtimer_start(&pit->timer, ns_to_ktime(when), HRTIMER_MODE_ABS_HARD);
}

/* ---- registers -------------------------------------------------------------- */

static void latch_count(struct pit_channel *c)
{
	if (c->s.count_latched)
		return;
	c->s.latched_count = pit_count(c, ktime_get_ns());
	c->s.count_latched = c->s.rw_mode;
}

static void latch_status(struct pit_channel *c)
{
	if (c->s.status_latched)
		return;
	c->s.status = pit_out(c, ktime_get_ns()) << 7 | c->null_count << 6 |
		      (c->s.rw_mode & 3) << 4 | (c->s.mode & 7) << 1 | c->s.bcd;
	c->s.status_latched = 1;
}

static void write_command(struct pit *pit, u8 val)
{
	unsigned int sel = val >> 6, rw = val >> 4 & 3, i;
	struct pit_channel *c;

	if (sel == 3) {		/* read-back */
		for (i = 0; i < 3; i++) {
			if (!(val & 2 << i))
				continue;
			if (!(val & 0x20))
				latch_count(&pit->ch[i]);
			if (!(val & 0x10))
				latch_status(&pit->ch[i]);
		}
		return;
	}
	c = &pit->ch[array_index_nospec(sel, 3)];
	if (!rw) {
		latch_count(c);
		return;
	}
	c->s.rw_mode = rw;
	c->s.read_state = rw;
	c->s.write_state = rw;
	c->s.mode = val >> 1 & 7;
	if (c->s.mode > 5)
		c->s.mode &= 3;
	c->s.bcd = val & 1;
	c->s.count_latched = 0;
	c->s.status_latched = 0;
	c->null_count = true;
	c->triggered = false;
	if (!sel)
		stop_ticks(pit);
}

static void load(struct pit *pit, unsigned int sel, u16 val)
{
	struct pit_channel *c = &pit->ch[sel];

	pit_load(c, val, ktime_get_ns());
	if (!sel)
		start_ticks(pit);
}

static void write_count(struct pit *pit, unsigned int sel, u8 val)
{
	struct pit_channel *c = &pit->ch[sel];

	switch (c->s.write_state) {
	case RW_LSB:
		load(pit, sel, val);
		break;
	case RW_MSB:
		load(pit, sel, val << 8);
		break;
	case RW_WORD0:
		c->s.write_latch = val;
		c->s.write_state = RW_WORD1;
		break;
	case RW_WORD1:
		c->s.write_state = RW_WORD0;
		load(pit, sel, c->s.write_latch | val << 8);
		break;
	}
}

static u8 read_count(struct pit_channel *c)
{
	u16 count;

	if (c->s.status_latched) {
		c->s.status_latched = 0;
		return c->s.status;
	}
	switch (c->s.count_latched) {
	case RW_LSB:
		c->s.count_latched = 0;
		return c->s.latched_count;
	case RW_MSB:
		c->s.count_latched = 0;
		return c->s.latched_count >> 8;
	case RW_WORD0:
		c->s.count_latched = RW_MSB;
		return c->s.latched_count;
	}
	count = pit_count(c, ktime_get_ns());
	switch (c->s.read_state) {
	case RW_MSB:
		return count >> 8;
	case RW_WORD0:
		c->s.read_state = RW_WORD1;
		return count;
	case RW_WORD1:
		c->s.read_state = RW_WORD0;
		return count >> 8;
	}
	return count;
}

static int pit_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		     unsigned int len, const void *data)
{
	struct pit *pit = container_of(dev, struct pit, dev);
	const u8 *byte = data;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	for (; len--; addr++, byte++) {
		if ((addr & 3) == 3)
			write_command(pit, *byte);
		else
			write_count(pit, array_index_nospec(addr & 3, 3), *byte);
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static int pit_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		    unsigned int len, void *data)
{
	struct pit *pit = container_of(dev, struct pit, dev);
	u8 *byte = data;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	for (; len--; addr++, byte++) {
		if ((addr & 3) == 3)
			*byte = 0;	/* write-only */
		else
			*byte = read_count(&pit->ch[array_index_nospec(addr & 3,
								       3)]);
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static int port61_write(struct vcpu *vcpu, struct io_device *dev, u64 addr,
			unsigned int len, const void *data)
{
	struct pit *pit = container_of(dev, struct pit, port61);
	u8 val = *(const u8 *)data;
	unsigned long flags;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->speaker = val & 2;
	pit_gate(&pit->ch[2], val & 1, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static int port61_read(struct vcpu *vcpu, struct io_device *dev, u64 addr,
		       unsigned int len, void *data)
{
	struct pit *pit = container_of(dev, struct pit, port61);
	unsigned long flags;
	u64 now;

	if (len != 1)
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	/* bit 4 toggles with the refresh clock, about every 15 us */
	*(u8 *)data = pit->ch[2].s.gate | pit->speaker << 1 |
		      (now >> 14 & 1) << 4 | pit_out(&pit->ch[2], now) << 5;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static void pit_destroy(struct io_device *dev)
{
	irqchip_put(container_of(dev, struct pit, dev)->chip);
}

static void port61_destroy(struct io_device *dev)
{
	irqchip_put(container_of(dev, struct pit, port61)->chip);
}

static const struct io_device_ops pit_ops = {
	.read = pit_read,
	.write = pit_write,
	.destroy = pit_destroy,
};

static const struct io_device_ops port61_ops = {
	.read = port61_read,
	.write = port61_write,
	.destroy = port61_destroy,
};

/* ---- user space ------------------------------------------------------------- */

int irqchip_get_pit(struct vm *vm, struct kvm_pit_state2 *ps)
{
	struct pit *pit = vm->irqchip ? vm->irqchip->pit : NULL;
	unsigned long flags;
	unsigned int i;

	if (!pit)
		return -ENXIO;
	memset(ps, 0, sizeof(*ps));
	raw_spin_lock_irqsave(&pit->lock, flags);
	for (i = 0; i < 3; i++)
		ps->channels[i] = pit->ch[i].s;
	ps->flags = pit->flags;
	if (pit->speaker)
		ps->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

static bool channel_valid(const struct kvm_pit_channel_state *s)
{
	return s->count <= 0x10000 && s->count_latched <= RW_WORD0 &&
	       s->read_state <= RW_WORD1 && s->write_state <= RW_WORD1 &&
	       s->rw_mode <= 3 && (s->mode <= 5 || s->mode == PIT_MODE_NONE);
}

int irqchip_set_pit(struct vm *vm, const struct kvm_pit_state2 *ps)
{
	struct pit *pit = vm->irqchip ? vm->irqchip->pit : NULL;
	unsigned long flags;
	unsigned int i;
	s64 now;

	if (!pit)
		return -ENXIO;
	for (i = 0; i < 3; i++) {
		if (!channel_valid(&ps->channels[i]))
			return -EINVAL;
	}
	raw_spin_lock_irqsave(&pit->lock, flags);
	now = ktime_get_ns();
	for (i = 0; i < 3; i++) {
		struct pit_channel *c = &pit->ch[i];

		c->s = ps->channels[i];
		c->s.status_latched = !!c->s.status_latched;
		c->s.bcd = !!c->s.bcd;
		c->s.gate = !!c->s.gate;
		/* another host's clock, or none: the count starts now */
		if (c->s.count_load_time <= 0 || c->s.count_load_time > now)
			c->s.count_load_time = now;
		c->gate_off = now;
		c->triggered = true;
		c->null_count = false;
	}
	pit->flags = ps->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	pit->speaker = ps->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	start_ticks(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

int irqchip_reinject_control(struct vm *vm, const struct kvm_reinject_control *c)
{
	struct pit *pit = vm->irqchip ? vm->irqchip->pit : NULL;
	unsigned long flags;

	if (!pit)
		return -ENXIO;
	mutex_lock(&vm->irqchip->lock);
	raw_spin_lock_irqsave(&pit->lock, flags);
	WRITE_ONCE(pit->reinject, !!c->pit_reinject);
	reset_reinject(pit);
	go_on(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	irqchip_update_watched(vm->irqchip);
	mutex_unlock(&vm->irqchip->lock);
	return 0;
}

int irqchip_create_pit(struct vm *vm, const struct kvm_pit_config *cfg)
{
	struct irqchip *chip = vm->irqchip;
	struct pit *pit;
	unsigned int i;
	int err;

	lockdep_assert_held(&vm->lock);
	if (!chip || vm->irq.split)
		return -ENOENT;
	if (chip->pit)
		return -EEXIST;
	if (cfg->flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	raw_spin_lock_init(&pit->lock);
	pit->chip = chip;
	pit->reinject = true;
	compat_hrtimer_setup(&pit->timer, pit_expired, CLOCK_MONOTONIC,
			     HRTIMER_MODE_ABS_HARD);
	for (i = 0; i < 3; i++) {
		pit->ch[i].s.mode = PIT_MODE_NONE;
		pit->ch[i].s.gate = i != 2;
		pit_load(&pit->ch[i], 0, ktime_get_ns());
	}
	pit->dev.ops = &pit_ops;
	pit->port61.ops = &port61_ops;

	if (cfg->flags & KVM_PIT_SPEAKER_DUMMY) {
		err = io_bus_register(vm, &vm->pio_bus, PORT_61, 1, &pit->port61);
		if (err)
			goto free;
	}
	/* last: from then on a guest may start the timer */
	err = io_bus_register(vm, &vm->pio_bus, 0x40, 4, &pit->dev);
	if (err)
		goto port61;
	if (cfg->flags & KVM_PIT_SPEAKER_DUMMY)
		refcount_inc(&chip->refs);
	refcount_inc(&chip->refs);
	/* complete before an EOI sees it */
	smp_store_release(&chip->pit, pit);
	mutex_lock(&chip->lock);
	irqchip_update_watched(chip);
	mutex_unlock(&chip->lock);
	return 0;

port61:
	if (cfg->flags & KVM_PIT_SPEAKER_DUMMY)
		io_bus_unregister(vm, &vm->pio_bus, &pit->port61);
free:
	kfree(pit);
	return err;
}

/* No vCPU runs any more */
void pit_stop(struct pit *pit)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->armed = false;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	hrtimer_cancel(&pit->timer);
}
