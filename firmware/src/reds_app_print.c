#include "reds_app_print.h"

#include <stdarg.h>
#include <stdio.h>

#include "reds_app_port.h"

void app_print(const char *format, ...)
{
    char text[200];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length > 0) {
        app_port_write(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
    }
}

void app_print_hex(const int8_t *values, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        uint8_t value = (uint8_t)values[i];
        const char pair[2] = {digits[value >> 4], digits[value & 15]};
        app_port_write(pair, sizeof pair);
    }
}
