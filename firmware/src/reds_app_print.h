/* Text to the board's serial line. */
#ifndef REDS_APP_PRINT_H
#define REDS_APP_PRINT_H

#include <stddef.h>
#include <stdint.h>

/* printf; what is longer than 199 bytes is cut off. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void app_print(const char *format, ...);

void app_print_hex(const int8_t *values, size_t count);

#endif
