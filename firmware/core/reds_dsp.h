/* The DSP extension of Cortex-M4, M7, M33 and the like: several 16-bit products in one instruction.
 *
 * REDS_DSP says whether the fast paths are built: on these processors by default, elsewhere on request, with each
 * instruction written out in C. That emulation is for tests: the fast paths then run under sanitizers on any machine.
 */
#ifndef REDS_DSP_H
#define REDS_DSP_H

#include <stdint.h>
#include <string.h>

/* Without optimization, GCC has not enough registers left for the blocks of reds_steps.h. */
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define REDS_DSP_INSTRUCTIONS 1
#else
#define REDS_DSP_INSTRUCTIONS 0
#endif

#ifndef REDS_DSP
#define REDS_DSP REDS_DSP_INSTRUCTIONS
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the model's numbers are little-endian and are read in place"
#endif

#if defined(__GNUC__)
#define REDS_INLINE static inline __attribute__((always_inline))
#define REDS_APART  static __attribute__((noinline))
#else
#define REDS_INLINE static inline
#define REDS_APART  static
#endif

#if defined(__GNUC__) && __GNUC__ >= 7
#define REDS_FALLTHROUGH __attribute__((fallthrough))
#else
#define REDS_FALLTHROUGH
#endif

/* Four bytes from any address. */
REDS_INLINE uint32_t reds_load_4(const void *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

REDS_INLINE void reds_store_4(void *to, uint32_t word)
{
    memcpy(to, &word, sizeof(word));
}

#if REDS_DSP_INSTRUCTIONS

/* Bytes 0 and 2, each extended to 16 bits, plus the halves of `to`. */
REDS_INLINE uint32_t reds_sxtab16(uint32_t to, uint32_t bytes)
{
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2" : "=r"(sums) : "r"(to), "r"(bytes));
    return sums;
}

/* Bytes 1 and 3, each extended to 16 bits, plus the halves of `to`. */
REDS_INLINE uint32_t reds_sxtab16_ror8(uint32_t to, uint32_t bytes)
{
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sums) : "r"(to), "r"(bytes));
    return sums;
}

REDS_INLINE int32_t reds_saturating_double(int32_t value)
{
    int32_t doubled;
    __asm__("qadd %0, %1, %1" : "=r"(doubled) : "r"(value));
    return doubled;
}

/* round(a * b / 2^32), halves upwards. */
REDS_INLINE int32_t reds_rounding_high_multiply(int32_t a, int32_t b)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* By as many bits as the lowest byte of `bits` says. */
REDS_INLINE int32_t reds_shift_right(int32_t value, uint32_t bits)
{
    int32_t shifted;
    __asm__("asr %0, %1, %2" : "=r"(shifted) : "r"(value), "r"(bits));
    return shifted;
}

/* floor(value / 2), limited to int8. */
REDS_INLINE int32_t reds_saturating_half(int32_t value)
{
    int32_t half;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(half) : "r"(value));
    return half;
}

#else

REDS_INLINE int32_t reds_low_half(uint32_t word)
{
    return (int16_t)(word & 0xFFFF);
}

REDS_INLINE int32_t reds_high_half(uint32_t word)
{
    return (int16_t)(word >> 16);
}

REDS_INLINE uint32_t reds_halves(int32_t high, int32_t low)
{
    return ((uint32_t)high << 16) | ((uint32_t)low & 0xFFFF);
}

REDS_INLINE uint32_t reds_sxtab16(uint32_t to, uint32_t bytes)
{
    return reds_halves(reds_high_half(to) + (int8_t)(bytes >> 16 & 0xFF), reds_low_half(to) + (int8_t)(bytes & 0xFF));
}

REDS_INLINE uint32_t reds_sxtab16_ror8(uint32_t to, uint32_t bytes)
{
    return reds_sxtab16(to, bytes >> 8 | bytes << 24);
}

REDS_INLINE int32_t reds_saturating_double(int32_t value)
{
    const int64_t doubled = 2 * (int64_t)value;
    return doubled > INT32_MAX ? INT32_MAX : doubled < INT32_MIN ? INT32_MIN : (int32_t)doubled;
}

REDS_INLINE int32_t reds_rounding_high_multiply(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

REDS_INLINE int32_t reds_shift_right(int32_t value, uint32_t bits)
{
    const uint32_t count = bits & 0xFF;
    return value >> (count > 31 ? 31 : count);
}

REDS_INLINE int32_t reds_saturating_half(int32_t value)
{
    value >>= 1;
    return value < -128 ? -128 : value > 127 ? 127 : value;
}

/* Sum of the products of the halves, plus `sum`. */
REDS_INLINE int32_t reds_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    const uint32_t products =
        (uint32_t)(reds_low_half(a) * reds_low_half(b)) + (uint32_t)(reds_high_half(a) * reds_high_half(b));
    return (int32_t)((uint32_t)sum + products);
}

#endif

#endif
