#include "reds_qemu_board.h"

/* Arm, "Cortex-M System Design Kit": APB timer and UART. */
typedef struct Timer {
    volatile uint32_t control;
    volatile uint32_t value; /* counts down */
    volatile uint32_t reload;
    volatile uint32_t interrupt;
} Timer;

typedef struct Uart {
    volatile uint32_t data;
    volatile uint32_t state; /* bit 0: transmit buffer full, bit 1: receive buffer full */
    volatile uint32_t control;
    volatile uint32_t interrupt;
    volatile uint32_t divider;
} Uart;

static Timer *const timer = (Timer *)0x40000000;
static Uart *const uart = (Uart *)0x40004000;

static uint32_t own_instructions; /* of board_clock() and board_instructions() */

void board_init(void)
{
    timer->reload = 0xFFFFFFFFu;
    timer->value = 0xFFFFFFFFu;
    timer->control = 1;
    uart->divider = 16;
    uart->control = 3; /* transmit and receive */
    own_instructions = board_instructions(board_clock());
}

uint32_t board_clock(void)
{
    return 0xFFFFFFFFu - timer->value;
}

uint32_t board_instructions(uint32_t since)
{
    const uint32_t ticks = board_clock() - since;
    return (uint32_t)((uint64_t)ticks * 5 / 8) - own_instructions;
}

int board_read(void)
{
    return uart->state & 2 ? (int)(uart->data & 0xFF) : -1;
}

void board_write(const char *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        while (uart->state & 1) {
        }
        uart->data = (uint8_t)bytes[i];
    }
}
