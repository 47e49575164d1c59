/* Runs kernels on cases from a file and writes what they leave in the output's memory: run_kernels CASES RESULTS.
 *
 * A case is 32 little-endian int32 numbers (enum Field), then multipliers (int32), biases (int32), shifts (int8),
 * input, weights and the output's memory before the call (int8; float for kind 3). Every array is copied to memory of
 * its own, at the asked distance from a multiple of 16 and with nothing behind it, so that sanitizers see any step too
 * far.
 */
#include <string.h>

#include "reds.h"
#include "reds_test_files.h"

enum Field {
    KIND, /* RedsKind, or FLOAT_FULLY_CONNECTED */
    BATCHES,
    SEGMENTS,
    INPUT_HEIGHT,
    INPUT_WIDTH,
    INPUT_CHANNELS,
    OUTPUT_HEIGHT,
    OUTPUT_WIDTH,
    OUTPUT_CHANNELS,
    FILTER_HEIGHT,
    FILTER_WIDTH,
    STRIDE_HEIGHT,
    STRIDE_WIDTH,
    DILATION_HEIGHT,
    DILATION_WIDTH,
    PADDING_TOP,
    PADDING_LEFT,
    WIDTH_IN,
    WIDTH_OUT,
    MULTIPLIERS, /* 1, or one for each used output channel */
    BIASES,      /* 0, or one for each used output channel */
    INPUT_OFFSET,
    OUTPUT_OFFSET,
    OUTPUT_MIN,
    OUTPUT_MAX,
    INPUT_SIZE,
    WEIGHTS_SIZE,
    OUTPUT_SIZE,
    MISALIGNED, /* 0 to 15: of input, weights and output */
    SCRATCH,    /* 0: the kernel gets none */
    FILL,       /* 1: outputs beyond the width are filled */
    RESERVED,
    FIELDS
};

enum { FLOAT_FULLY_CONNECTED = 3 };

typedef struct Reader {
    const uint8_t *at;
    const uint8_t *end;
} Reader;

static const void *take(Reader *reader, uint32_t size)
{
    const void *bytes = reader->at;
    if (size > (uint32_t)(reader->end - reader->at)) {
        fail("too short", "cases");
    }
    reader->at += size;
    return bytes;
}

/* A copy that begins `misaligned` bytes behind a multiple of 16, and the memory that it lies in. */
typedef struct Copy {
    uint8_t *memory;
    uint8_t *bytes;
} Copy;

static Copy take_copy(Reader *reader, uint32_t size, uint32_t misaligned)
{
    Copy copy;
    copy.memory = (uint8_t *)malloc(size + misaligned ? size + misaligned : 1);
    if (!copy.memory) {
        fail("out of memory", "cases");
    }
    copy.bytes = copy.memory + misaligned;
    memcpy(copy.bytes, take(reader, size), size);
    return copy;
}

static RedsConvShape conv_shape(const int32_t *f)
{
    const RedsConvShape shape = {f[BATCHES],        f[INPUT_HEIGHT],  f[INPUT_WIDTH],     f[INPUT_CHANNELS],
                                 f[OUTPUT_HEIGHT],  f[OUTPUT_WIDTH],  f[OUTPUT_CHANNELS], f[FILTER_HEIGHT],
                                 f[FILTER_WIDTH],   f[STRIDE_HEIGHT], f[STRIDE_WIDTH],    f[DILATION_HEIGHT],
                                 f[DILATION_WIDTH], f[PADDING_TOP],   f[PADDING_LEFT]};
    return shape;
}

static void run_float(const int32_t *f, const RedsDenseShape *dense, RedsWidths widths, Reader *reader, FILE *results)
{
    const uint32_t size = sizeof(float);
    const Copy biases = take_copy(reader, size * (uint32_t)f[BIASES], 0);
    const Copy input = take_copy(reader, size * (uint32_t)f[INPUT_SIZE], 0);
    const Copy weights = take_copy(reader, size * (uint32_t)f[WEIGHTS_SIZE], 0);
    const Copy output = take_copy(reader, size * (uint32_t)f[OUTPUT_SIZE], 0);
    const void *x = input.bytes, *w = weights.bytes, *b = f[BIASES] ? biases.bytes : NULL;
    void *y = output.bytes;
    reds_fully_connected_f32(dense, widths, (const float *)x, (const float *)w, (const float *)b, (float)f[OUTPUT_MIN],
                             (float)f[OUTPUT_MAX], (float *)y);
    write_bytes(results, output.bytes, size * (uint32_t)f[OUTPUT_SIZE]);
    free(biases.memory);
    free(input.memory);
    free(weights.memory);
    free(output.memory);
}

static void run_case(Reader *reader, FILE *results)
{
    int32_t f[FIELDS];
    memcpy(f, take(reader, sizeof(f)), sizeof(f));
    const RedsDenseShape dense = {f[BATCHES], f[SEGMENTS], f[INPUT_CHANNELS], f[OUTPUT_CHANNELS]};
    const RedsConvShape conv = conv_shape(f);
    const RedsWidths widths = {f[WIDTH_IN], f[WIDTH_OUT]};
    if (f[KIND] == FLOAT_FULLY_CONNECTED) {
        run_float(f, &dense, widths, reader, results);
        return;
    }
    const uint32_t misaligned = (uint32_t)f[MISALIGNED];
    const Copy multipliers = take_copy(reader, 4 * (uint32_t)f[MULTIPLIERS], 0);
    const Copy biases = take_copy(reader, 4 * (uint32_t)f[BIASES], 0);
    const Copy shifts = take_copy(reader, (uint32_t)f[MULTIPLIERS], 0);
    const Copy input = take_copy(reader, (uint32_t)f[INPUT_SIZE], misaligned);
    const Copy weights = take_copy(reader, (uint32_t)f[WEIGHTS_SIZE], misaligned);
    const Copy output = take_copy(reader, (uint32_t)f[OUTPUT_SIZE], misaligned);
    const void *m = multipliers.bytes, *b = f[BIASES] ? biases.bytes : NULL;
    const RedsQuantization quantization = {
        (const int32_t *)m,       (const int8_t *)shifts.bytes, (const int32_t *)b,    (uint8_t)(f[MULTIPLIERS] > 1),
        (int16_t)f[INPUT_OFFSET], (int16_t)f[OUTPUT_OFFSET],    (int8_t)f[OUTPUT_MIN], (int8_t)f[OUTPUT_MAX]};
    const int8_t *x = (const int8_t *)input.bytes, *w = (const int8_t *)weights.bytes;
    int8_t *y = (int8_t *)output.bytes;

    const int32_t scratch_size = f[KIND] == REDS_FULLY_CONNECTED ? reds_fully_connected_scratch(&dense)
                                 : f[KIND] == REDS_CONV_2D       ? reds_conv_2d_scratch(&conv)
                                                                 : reds_depthwise_conv_2d_scratch(&conv);
    void *scratch = f[SCRATCH] && scratch_size ? malloc((size_t)scratch_size) : NULL;
    if (f[KIND] == REDS_FULLY_CONNECTED) {
        reds_fully_connected_s8(&dense, widths, &quantization, x, w, y, scratch);
    } else if (f[KIND] == REDS_CONV_2D) {
        reds_conv_2d_s8(&conv, widths, &quantization, x, w, y, scratch);
    } else {
        reds_depthwise_conv_2d_s8(&conv, widths, &quantization, x, w, y, scratch);
    }
    if (f[FILL]) {
        const int32_t channels = f[OUTPUT_CHANNELS];
        reds_fill_beyond_s8(y, f[OUTPUT_SIZE] / channels, channels, widths.output, (int8_t)f[OUTPUT_OFFSET]);
    }
    write_bytes(results, output.bytes, (uint32_t)f[OUTPUT_SIZE]);
    const Copy copies[] = {multipliers, biases, shifts, input, weights, output};
    for (uint32_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        free(copies[i].memory);
    }
    free(scratch);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fail("usage", "run_kernels CASES RESULTS");
    }
    uint32_t size;
    uint8_t *cases = read_file(argv[1], &size);
    FILE *results = create_file(argv[2]);
    Reader reader = {cases, cases + size};
    while (reader.at < reader.end) {
        run_case(&reader, results);
    }
    if (fclose(results)) {
        fail("cannot write", argv[2]);
    }
    free(cases);
    return 0;
}
