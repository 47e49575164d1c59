/* Reading FlatBuffers in place: every access is checked, and one that would leave the buffer gives 0.
 *
 * A reader remembers that this has happened, so callers may read on and ask once at the end. Positions count bytes from
 * the start; 0 stands for "absent".
 */
#ifndef REDS_FLATBUFFER_H
#define REDS_FLATBUFFER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RedsReader {
    const uint8_t *bytes;
    uint32_t size;
    int malformed; /* 1 once something lay outside */
} RedsReader;

typedef struct RedsVector {
    uint32_t at; /* of the first element */
    uint32_t count;
} RedsVector;

uint8_t reds_read_u8(RedsReader *reader, uint32_t at);
uint32_t reds_read_u32(RedsReader *reader, uint32_t at);
int32_t reds_read_i32(RedsReader *reader, uint32_t at);
int64_t reds_read_i64(RedsReader *reader, uint32_t at);
float reds_read_f32(RedsReader *reader, uint32_t at);

/* The table, vector or string that an offset at `at` points to. */
uint32_t reds_follow(RedsReader *reader, uint32_t at);

/* Where field `index` of a table lies, 0 if the table does not have it. */
uint32_t reds_field(RedsReader *reader, uint32_t table, uint32_t index);

/* Scalar fields, with what they are if absent. */
uint8_t reds_field_u8(RedsReader *reader, uint32_t table, uint32_t index, uint8_t absent);
int32_t reds_field_i32(RedsReader *reader, uint32_t table, uint32_t index, int32_t absent);
float reds_field_f32(RedsReader *reader, uint32_t table, uint32_t index, float absent);

/* The table that a field points to, 0 if absent. */
uint32_t reds_field_table(RedsReader *reader, uint32_t table, uint32_t index);

/* The vector that a field points to, all of it inside the buffer; of no elements if absent. */
RedsVector reds_field_vector(RedsReader *reader, uint32_t table, uint32_t index, uint32_t element_size);

/* Element `index` of a vector of tables; 0 and malformed if there is none. */
uint32_t reds_element_table(RedsReader *reader, RedsVector vector, uint32_t index);

#ifdef __cplusplus
}
#endif

#endif
