/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's kernel cannot find out by itself: how to power off, and
 * which ports and interrupts the few devices have. The numbers are those of
 * power.h and layout.h.
 */
DefinitionBlock ("", "DSDT", 2, "VMRUN", "VMRUN", 1)
{
	/* Sleep types for PM1a and PM1b; S5 is the only sleep state. */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x3f8, 0x3f8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x70, 0x70, 1, 2)
				IRQNoFlags () { 8 }
			})
		}

		/* Ports no device above owns, so that nothing is put there. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x600, 0x600, 1, 12)
				IO (Decode16, 0xcf9, 0xcf9, 1, 1)
				IO (Decode16, 0xf4, 0xf4, 1, 4)
			})
		}
	}
}
