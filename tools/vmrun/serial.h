/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A 16550A UART, COM1 of the guest.
 */
#ifndef VMRUN_SERIAL_H
#define VMRUN_SERIAL_H

#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "irq.h"

struct serial;
struct snapshot;

struct serial_host {
	/* A byte the guest sent. Called with the UART's lock held. */
	void (*transmit)(void *opaque, uint8_t byte);
	/* There is room for input again. Called with the lock held. */
	void (*room)(void *opaque);
	void *opaque;
};

struct serial *serial_create(struct irq_line irq, struct serial_host host);
void serial_attach(struct serial *serial, struct bus *ports, uint16_t base);

/* How many bytes serial_receive() will take now. */
size_t serial_room(struct serial *serial);
void serial_receive(struct serial *serial, const uint8_t *bytes, size_t len);

/* All registers and the FIFO to a file or from it; drives the line anew. */
void serial_snapshot(struct serial *serial, struct snapshot *s);

#endif
