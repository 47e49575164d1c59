/* The innermost steps of the fast paths: four weights of some rows times four inputs of some columns.
 *
 * Each step reads a column's next four inputs (two words, in the order of reds_matrix.h) and a row's next four weights,
 * from any address, and moves the pointers on. Where the DSP instructions are there, a step is one block of assembly:
 * compilers run out of registers otherwise and move sums to the stack and back. Loads come in pairs, which the pipeline
 * overlaps.
 */
#ifndef REDS_STEPS_H
#define REDS_STEPS_H

#include "reds_dsp.h"
#include "reds_requantize.h"

#if REDS_DSP_INSTRUCTIONS

/* Unpacks `weights` and adds their products with the inputs `even` (0 and 2) and `odd` (1 and 3) to `sum`. */
#define REDS_ADD_PRODUCTS(weights, sum)                               \
    "sxtb16 %[unpacked], %[" weights "]\n\t"                          \
    "smlad  %[" sum "], %[unpacked], %[even], %[" sum "]\n\t"         \
    "sxtb16 %[unpacked], %[" weights "], ror #8\n\t"                  \
    "smlad  %[" sum "], %[unpacked], %[odd], %[" sum "]\n\t"

/* Four rows, one column: 21 instructions for 16 products. `stride_3` is three times `stride`. */
REDS_INLINE void reds_step_4x1(int32_t sums[4], const int8_t **row, int32_t stride, int32_t stride_3,
                               const int16_t **column)
{
    uint32_t even, odd, weights, more_weights, unpacked;
    __asm__ volatile(
        "ldrd   %[even], %[odd], [%[column]], #8\n\t"
        "ldr    %[weights], [%[row], %[stride]]\n\t"
        "ldr    %[more_weights], [%[row], %[stride], lsl #1]\n\t"
        REDS_ADD_PRODUCTS("weights", "sum_1")
        REDS_ADD_PRODUCTS("more_weights", "sum_2")
        "ldr    %[weights], [%[row], %[stride_3]]\n\t"
        "ldr    %[more_weights], [%[row]], #4\n\t"
        REDS_ADD_PRODUCTS("weights", "sum_3")
        REDS_ADD_PRODUCTS("more_weights", "sum_0")
        : [sum_0] "+r"(sums[0]), [sum_1] "+r"(sums[1]), [sum_2] "+r"(sums[2]), [sum_3] "+r"(sums[3]),
          [row] "+r"(*row), [column] "+r"(*column), [even] "=&r"(even), [odd] "=&r"(odd),
          [weights] "=&r"(weights), [more_weights] "=&r"(more_weights), [unpacked] "=&r"(unpacked)
        : [stride] "r"(stride), [stride_3] "r"(stride_3)
        : "memory");
}

REDS_INLINE void reds_step_1x1(int32_t *sum, const int8_t **row, const int16_t **column)
{
    uint32_t even, odd, weights, unpacked;
    __asm__ volatile(
        "ldrd   %[even], %[odd], [%[column]], #8\n\t"
        "ldr    %[weights], [%[row]], #4\n\t"
        REDS_ADD_PRODUCTS("weights", "sum")
        : [sum] "+r"(*sum), [row] "+r"(*row), [column] "+r"(*column), [even] "=&r"(even), [odd] "=&r"(odd),
          [weights] "=&r"(weights), [unpacked] "=&r"(unpacked)
        :
        : "memory");
}

/* Adds the products of a column's next four inputs with weights that are unpacked. */
#define REDS_ADD_COLUMN(sum)                                          \
    "ldrd   %[even], %[odd], [%[columns]], #8\n\t"                    \
    "smlad  %[" sum "], %[weights_even], %[even], %[" sum "]\n\t"     \
    "smlad  %[" sum "], %[weights_odd], %[odd], %[" sum "]\n\t"

/* One row, four columns: 15 instructions for 16 products. */
REDS_INLINE void reds_step_1x4(int32_t sums[4], const int8_t **row, const int16_t **columns)
{
    uint32_t even, odd, weights_even, weights_odd;
    __asm__ volatile(
        "ldr    %[weights_odd], [%[row]], #4\n\t"
        "sxtb16 %[weights_even], %[weights_odd]\n\t"
        "sxtb16 %[weights_odd], %[weights_odd], ror #8\n\t"
        REDS_ADD_COLUMN("sum_0")
        REDS_ADD_COLUMN("sum_1")
        REDS_ADD_COLUMN("sum_2")
        REDS_ADD_COLUMN("sum_3")
        : [sum_0] "+r"(sums[0]), [sum_1] "+r"(sums[1]), [sum_2] "+r"(sums[2]), [sum_3] "+r"(sums[3]),
          [row] "+r"(*row), [columns] "+r"(*columns), [even] "=&r"(even), [odd] "=&r"(odd),
          [weights_even] "=&r"(weights_even), [weights_odd] "=&r"(weights_odd)
        :
        : "memory");
}

/* Four inputs from any address, plus `offsets`, into a column, whose next four lie `step` elements further. */
REDS_INLINE void reds_step_widen(const int8_t **input, int16_t **column, int32_t step, uint32_t offsets)
{
    uint32_t even, odd;
    __asm__ volatile(
        "ldr    %[odd], [%[input]], #4\n\t"
        "sxtab16 %[even], %[offsets], %[odd]\n\t"
        "sxtab16 %[odd], %[offsets], %[odd], ror #8\n\t"
        "strd   %[even], %[odd], [%[column]]\n\t"
        "add    %[column], %[column], %[step], lsl #1\n\t"
        : [input] "+r"(*input), [column] "+r"(*column), [even] "=&r"(even), [odd] "=&r"(odd)
        : [step] "r"(step), [offsets] "r"(offsets)
        : "memory");
}

/* A tap of a depth-wise filter, four channels: inputs from any address, `step` from the next; weights as four 16-bit
 * numbers in the order of reds_matrix.h. */
REDS_INLINE void reds_step_depthwise(int32_t sums[4], const int8_t **input, int32_t step, const int16_t **taps,
                                     uint32_t offsets)
{
    uint32_t even, odd, weights_even, weights_odd;
    __asm__ volatile(
        "ldr    %[odd], [%[input]]\n\t"
        "ldrd   %[weights_even], %[weights_odd], [%[taps]], #8\n\t"
        "add    %[input], %[step]\n\t"
        "sxtab16 %[even], %[offsets], %[odd]\n\t"
        "sxtab16 %[odd], %[offsets], %[odd], ror #8\n\t"
        "smlabb %[sum_0], %[even], %[weights_even], %[sum_0]\n\t"
        "smlabb %[sum_1], %[odd], %[weights_odd], %[sum_1]\n\t"
        "smlatt %[sum_2], %[even], %[weights_even], %[sum_2]\n\t"
        "smlatt %[sum_3], %[odd], %[weights_odd], %[sum_3]\n\t"
        : [sum_0] "+r"(sums[0]), [sum_1] "+r"(sums[1]), [sum_2] "+r"(sums[2]), [sum_3] "+r"(sums[3]),
          [input] "+r"(*input), [taps] "+r"(*taps), [even] "=&r"(even), [odd] "=&r"(odd),
          [weights_even] "=&r"(weights_even), [weights_odd] "=&r"(weights_odd)
        : [step] "r"(step), [offsets] "r"(offsets)
        : "memory");
}

#else

REDS_INLINE int32_t reds_add_products(int32_t sum, const int8_t *row, const int16_t *column)
{
    const uint32_t weights = reds_load_4(row);
    sum = reds_smlad(reds_sxtab16(0, weights), reds_load_4(column), sum);
    return reds_smlad(reds_sxtab16_ror8(0, weights), reds_load_4(column + 2), sum);
}

REDS_INLINE void reds_step_4x1(int32_t sums[4], const int8_t **row, int32_t stride, int32_t stride_3,
                               const int16_t **column)
{
    sums[0] = reds_add_products(sums[0], *row, *column);
    sums[1] = reds_add_products(sums[1], *row + stride, *column);
    sums[2] = reds_add_products(sums[2], *row + 2 * stride, *column);
    sums[3] = reds_add_products(sums[3], *row + stride_3, *column);
    *row += 4;
    *column += 4;
}

REDS_INLINE void reds_step_1x1(int32_t *sum, const int8_t **row, const int16_t **column)
{
    *sum = reds_add_products(*sum, *row, *column);
    *row += 4;
    *column += 4;
}

REDS_INLINE void reds_step_1x4(int32_t sums[4], const int8_t **row, const int16_t **columns)
{
    for (int i = 0; i < 4; i++) {
        sums[i] = reds_add_products(sums[i], *row, *columns);
        *columns += 4;
    }
    *row += 4;
}

REDS_INLINE void reds_step_widen(const int8_t **input, int16_t **column, int32_t step, uint32_t offsets)
{
    const uint32_t inputs = reds_load_4(*input);
    reds_store_4(*column, reds_sxtab16(offsets, inputs));
    reds_store_4(*column + 2, reds_sxtab16_ror8(offsets, inputs));
    *input += 4;
    *column += step;
}

REDS_INLINE void reds_step_depthwise(int32_t sums[4], const int8_t **input, int32_t step, const int16_t **taps,
                                     uint32_t offsets)
{
    const uint32_t inputs = reds_load_4(*input);
    const uint32_t even = reds_sxtab16(offsets, inputs);
    const uint32_t odd = reds_sxtab16_ror8(offsets, inputs);
    const uint32_t weights_even = reds_load_4(*taps);
    const uint32_t weights_odd = reds_load_4(*taps + 2);
    sums[0] = reds_accumulate(sums[0], reds_low_half(even), reds_low_half(weights_even));
    sums[1] = reds_accumulate(sums[1], reds_low_half(odd), reds_low_half(weights_odd));
    sums[2] = reds_accumulate(sums[2], reds_high_half(even), reds_high_half(weights_even));
    sums[3] = reds_accumulate(sums[3], reds_high_half(odd), reds_high_half(weights_odd));
    *input += step;
    *taps += 4;
}

#endif

#endif
