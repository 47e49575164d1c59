/* The application as a program of this computer: serial line = standard input and output. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "reds_app.h"
#include "reds_app_port.h"

const uint32_t app_port_clock_hz = 0;

int app_port_read(void)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) <= 0) {
        return APP_PORT_NOTHING;
    }
    unsigned char byte;
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : APP_PORT_CLOSED;
}

void app_port_write(const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written <= 0) {
            return; /* nobody listens any more; app_port_read() will say so */
        }
        bytes += written;
        count -= (size_t)written;
    }
}

uint32_t app_port_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

int main(void)
{
    app_start();
    while (app_poll()) {
        const struct timespec millisecond = {0, 1000000};
        nanosleep(&millisecond, NULL);
    }
    return 0;
}
