/* The part of a filter's window that lies within the input, along one axis. */
#ifndef REDS_SPAN_H
#define REDS_SPAN_H

#include <stdint.h>

typedef struct RedsSpan {
    int32_t first; /* tap */
    int32_t end;   /* the tap behind the last */
    int32_t at;    /* input of the first tap */
} RedsSpan;

/* `origin` is the input that the filter's first tap would read; it may be negative, in the padding. */
static inline RedsSpan reds_span(int32_t origin, int32_t taps, int32_t dilation, int32_t size)
{
    RedsSpan span;
    span.first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
    span.end = origin + (taps - 1) * dilation >= size ? (size - origin + dilation - 1) / dilation : taps;
    span.at = origin + span.first * dilation;
    return span;
}

#endif
