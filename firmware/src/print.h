/* Text to the board's serial line. */
#ifndef PRINT_H
#define PRINT_H

#include <stddef.h>
#include <stdint.h>

/* printf; what is longer than 199 bytes is cut off. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void print(const char *format, ...);

void print_hex(const int8_t *values, size_t count);

#endif
