/* The application in QEMU, on its emulated serial port. */
#include "reds_app.h"
#include "reds_app_port.h"
#include "reds_qemu_board.h"

/* An instruction takes 64 ns of the emulated time (see reds_qemu_board.h): times this clock, microseconds are
 * instructions. */
const uint32_t app_port_clock_hz = 15625000;

int app_port_read(void)
{
    const int byte = board_read();
    return byte < 0 ? APP_PORT_NOTHING : byte;
}

void app_port_write(const char *bytes, size_t count)
{
    board_write(bytes, (uint32_t)count);
}

uint32_t app_port_microseconds(void)
{
    /* The timer wraps around every 172 s; sums of its steps wrap around where the clock should. */
    static uint32_t last;
    static uint64_t ticks;
    const uint32_t now = board_clock();
    ticks += now - last;
    last = now;
    return (uint32_t)(ticks / 25);
}

int main(void)
{
    app_start();
    while (app_poll()) {
    }
    return 0;
}
