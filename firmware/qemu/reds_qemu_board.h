/* What programs use of QEMU's mps2-an386: an instruction counter, a serial port, a periodic interrupt. */
#ifndef REDS_QEMU_BOARD_H
#define REDS_QEMU_BOARD_H

#include <stdint.h>

/* Done before main(). */
void board_init(void);

/* The board's timer, for board_instructions(). */
uint32_t board_clock(void);

/* Instructions since a value of board_clock(), without those of the two calls; exact to one or two.
 *
 * Not microseconds, nor cycles: QEMU runs every instruction in one tick of its own. Needs -icount
 * shift=6,align=off,sleep=off, under which an instruction takes 64 ns and the board's timer of 25 MHz counts 1.6 for
 * each: a loop of 2,000,000 instructions, measured, takes 3,200,000 ticks. */
uint32_t board_instructions(uint32_t since);

/* Calls `handler` from an interrupt every so many instructions (up to 10 million); NULL stops it. */
void board_every(uint32_t instructions, void (*handler)(void));

/* The first serial port (QEMU's -serial): its next byte, or -1 if there is none. */
int board_read(void);
void board_write(const char *bytes, uint32_t count);

#endif
