#include "reds_quantization.h"

#include <string.h>

#include "reds_requantize.h"

int32_t reds_requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    return reds_requantize_inline(value, multiplier, shift);
}

void reds_quantize_multiplier(double real, int32_t *multiplier, int8_t *shift)
{
    uint64_t bits; /* of an IEEE double: 11 bits of exponent over 52 bits of fraction */
    memcpy(&bits, &real, sizeof(bits));
    int32_t exponent = (int32_t)(bits >> 52) - 1022; /* real = fraction * 2^exponent, 0.5 <= fraction < 1 */
    const uint64_t fraction = (bits & (((uint64_t)1 << 52) - 1)) | ((uint64_t)1 << 52);
    uint64_t rounded = (fraction + ((uint64_t)1 << 21)) >> 22; /* fraction * 2^31, halves upwards */
    if (rounded == (uint64_t)1 << 31) {
        rounded >>= 1;
        exponent++;
    }
    const int vanishes = real == 0 || exponent < -31;
    *multiplier = vanishes ? 0 : (int32_t)rounded;
    *shift = vanishes ? (int8_t)0 : (int8_t)exponent;
}
