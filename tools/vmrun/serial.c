// SPDX-License-Identifier: GPL-2.0-only
/*
 * National Semiconductor PC16550D, as its data sheet has it, with a line that
 * is never busy: a byte written has left at once.
 */
#include <pthread.h>
#include <stdlib.h>

#include "array.h"
#include "report.h"
#include "serial.h"
#include "snapshot.h"

enum {
	REG_DATA = 0,		/* RBR, THR; DLL with DLAB */
	REG_IER = 1,		/* DLM with DLAB */
	REG_IIR_FCR = 2,
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,

	IER_RX = 0x01,
	IER_TX_EMPTY = 0x02,
	IER_LINE = 0x04,
	IER_MODEM = 0x08,

	IIR_NONE = 0x01,
	IIR_MODEM = 0x00,
	IIR_TX_EMPTY = 0x02,
	IIR_RX = 0x04,
	IIR_LINE = 0x06,
	IIR_RX_TIMEOUT = 0x0c,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,

	LCR_DLAB = 0x80,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,

	LSR_DATA_READY = 0x01,
	LSR_OVERRUN = 0x02,
	LSR_TX_EMPTY = 0x60,	/* holding register and transmitter */

	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,

	FIFO_SIZE = 16,
};

struct serial {
	pthread_mutex_t lock;	/* guards all below */
	struct irq_line irq;
	struct serial_host host;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr_lines;	/* upper half of MSR when last looked at */
	uint8_t msr_delta;	/* lower half: what changed since it was read */
	bool overrun;
	bool tx_empty_pending;	/* the THRE interrupt, until IIR is read */
	uint8_t fifo[FIFO_SIZE];
	unsigned int fifo_head, fifo_len;
};

static unsigned int fifo_limit(const struct serial *serial)
{
	return serial->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned int rx_trigger(const struct serial *serial)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return serial->fcr & FCR_ENABLE ? level[serial->fcr >> 6] : 1;
}

/* The interrupt of highest priority, as IIR names it (data sheet, table IV). */
static uint8_t pending(const struct serial *serial)
{
	if ((serial->ier & IER_LINE) && serial->overrun)
		return IIR_LINE;
	/*
	 * Below the trigger level the time-out of four character times is
	 * over as soon as it starts: no more input is on its way.
	 */
	if ((serial->ier & IER_RX) && serial->fifo_len)
		return serial->fifo_len >= rx_trigger(serial) ?
			IIR_RX : IIR_RX_TIMEOUT;
	if ((serial->ier & IER_TX_EMPTY) && serial->tx_empty_pending)
		return IIR_TX_EMPTY;
	if ((serial->ier & IER_MODEM) && serial->msr_delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* OUT2 gates the line to the interrupt controller on a PC. */
static void update_irq(struct serial *serial)
{
	irq_set(&serial->irq, (serial->mcr & MCR_OUT2) &&
		!(serial->mcr & MCR_LOOP) && pending(serial) != IIR_NONE);
}

static void push(struct serial *serial, uint8_t byte)
{
	unsigned int tail;

	if (serial->fifo_len >= fifo_limit(serial)) {
		serial->overrun = true;
		return;
	}
	tail = (serial->fifo_head + serial->fifo_len++) % FIFO_SIZE;
	serial->fifo[tail] = byte;
}

static uint8_t pop(struct serial *serial)
{
	uint8_t byte;

	if (!serial->fifo_len)
		return 0;
	byte = serial->fifo[serial->fifo_head];
	serial->fifo_head = (serial->fifo_head + 1) % FIFO_SIZE;
	serial->fifo_len--;
	serial->host.room(serial->host.opaque);
	return byte;
}

/* Someone is always at the other end; in loop mode that is MCR itself. */
static uint8_t modem_lines(const struct serial *serial)
{
	uint8_t lines = 0;

	if (!(serial->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (serial->mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (serial->mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (serial->mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (serial->mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static void update_modem(struct serial *serial)
{
	uint8_t lines = modem_lines(serial);
	uint8_t changed = lines ^ serial->msr_lines;

	/* RI has a delta for its trailing edge alone. */
	if (lines & MSR_RI)
		changed &= (uint8_t)~MSR_RI;
	serial->msr_delta |= changed >> 4;
	serial->msr_lines = lines;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	if (serial->mcr & MCR_LOOP)
		push(serial, byte);
	else
		serial->host.transmit(serial->host.opaque, byte);
	serial->tx_empty_pending = true;
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t iir = pending(serial);

	if (iir == IIR_TX_EMPTY)
		serial->tx_empty_pending = false;
	if (serial->fcr & FCR_ENABLE)
		iir |= IIR_FIFO;
	return iir;
}

static uint8_t read_lsr(struct serial *serial)
{
	uint8_t lsr = LSR_TX_EMPTY;

	if (serial->fifo_len)
		lsr |= LSR_DATA_READY;
	if (serial->overrun)
		lsr |= LSR_OVERRUN;
	serial->overrun = false;
	return lsr;
}

static uint8_t read_reg(struct serial *serial, uint64_t reg)
{
	uint8_t value;

	switch (reg) {
	case REG_DATA:
		return serial->lcr & LCR_DLAB ? serial->dll : pop(serial);
	case REG_IER:
		return serial->lcr & LCR_DLAB ? serial->dlm : serial->ier;
	case REG_IIR_FCR:
		return read_iir(serial);
	case REG_LCR:
		return serial->lcr;
	case REG_MCR:
		return serial->mcr;
	case REG_LSR:
		return read_lsr(serial);
	case REG_MSR:
		value = serial->msr_lines | serial->msr_delta;
		serial->msr_delta = 0;
		return value;
	default:
		return serial->scr;
	}
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	/* Turning the FIFO on or off empties it. */
	if ((value & FCR_CLEAR_RX) || ((value ^ serial->fcr) & FCR_ENABLE)) {
		serial->fifo_len = 0;
		serial->host.room(serial->host.opaque);
	}
	serial->fcr = value & FCR_ENABLE ? value : 0;
}

static void write_reg(struct serial *serial, uint64_t reg, uint8_t value)
{
	switch (reg) {
	case REG_DATA:
		if (serial->lcr & LCR_DLAB)
			serial->dll = value;
		else
			transmit(serial, value);
		break;
	case REG_IER:
		if (serial->lcr & LCR_DLAB) {
			serial->dlm = value;
			break;
		}
		/* Enabling it with the transmitter empty raises it. */
		if (~serial->ier & value & IER_TX_EMPTY)
			serial->tx_empty_pending = true;
		serial->ier = value & 0x0f;
		break;
	case REG_IIR_FCR:
		write_fcr(serial, value);
		break;
	case REG_LCR:
		serial->lcr = value;
		break;
	case REG_MCR:
		serial->mcr = value & 0x1f;
		update_modem(serial);
		/* Outside loop mode the host's input comes in again. */
		serial->host.room(serial->host.opaque);
		break;
	case REG_SCR:
		serial->scr = value;
		break;
	default:
		break;		/* LSR and MSR are read-only */
	}
}

static uint32_t port_read(void *opaque, uint64_t offset, unsigned int len)
{
	struct serial *serial = opaque;
	uint8_t value;

	(void)len;
	pthread_mutex_lock(&serial->lock);
	value = read_reg(serial, offset);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void port_write(void *opaque, uint64_t offset, unsigned int len,
		       uint32_t value)
{
	struct serial *serial = opaque;

	(void)len;
	pthread_mutex_lock(&serial->lock);
	write_reg(serial, offset, (uint8_t)value);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

size_t serial_room(struct serial *serial)
{
	size_t room = 0;

	pthread_mutex_lock(&serial->lock);
	if (!(serial->mcr & MCR_LOOP) && serial->fifo_len < fifo_limit(serial))
		room = fifo_limit(serial) - serial->fifo_len;
	pthread_mutex_unlock(&serial->lock);
	return room;
}

void serial_receive(struct serial *serial, const uint8_t *bytes, size_t len)
{
	pthread_mutex_lock(&serial->lock);
	while (len--)
		push(serial, *bytes++);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

void serial_snapshot(struct serial *serial, struct snapshot *s)
{
	uint8_t *regs[] = {
		&serial->ier, &serial->fcr, &serial->lcr, &serial->mcr,
		&serial->scr, &serial->dll, &serial->dlm, &serial->msr_lines,
		&serial->msr_delta,
	};
	uint32_t place[] = {
		serial->fifo_head, serial->fifo_len, serial->overrun,
		serial->tx_empty_pending,
	};
	size_t i;

	pthread_mutex_lock(&serial->lock);
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		snapshot_item(s, regs[i], 1);
	snapshot_item(s, serial->fifo, sizeof(serial->fifo));
	snapshot_item(s, place, sizeof(place));
	serial->fifo_head = place[0] % FIFO_SIZE;
	serial->fifo_len = place[1] <= FIFO_SIZE ? place[1] : FIFO_SIZE;
	serial->overrun = place[2];
	serial->tx_empty_pending = place[3];
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

struct serial *serial_create(struct irq_line irq, struct serial_host host)
{
	struct serial *serial = calloc(1, sizeof(*serial));

	if (!serial)
		die_host(NULL, "creating the serial port");
	pthread_mutex_init(&serial->lock, NULL);
	serial->irq = irq;
	serial->host = host;
	serial->dll = 12;	/* 9600 baud, as firmware leaves it */
	serial->msr_lines = modem_lines(serial);
	return serial;
}

void serial_attach(struct serial *serial, struct bus *ports, uint16_t base)
{
	bus_add(ports, &(struct bus_range){
		.name = "serial port", .base = base, .size = 8, .width = 1,
		.read = port_read, .write = port_write, .opaque = serial,
	});
}
