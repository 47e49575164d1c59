#include "reds_flatbuffer.h"

#include <string.h>

/* Copies `count` bytes, or zeros if they are not all inside. */
static void read(RedsReader *reader, uint32_t at, void *to, uint32_t count)
{
    if (at > reader->size || count > reader->size - at) {
        reader->malformed = 1;
        memset(to, 0, count);
    } else {
        memcpy(to, reader->bytes + at, count);
    }
}

uint8_t reds_read_u8(RedsReader *reader, uint32_t at)
{
    uint8_t value;
    read(reader, at, &value, sizeof(value));
    return value;
}

static uint16_t read_u16(RedsReader *reader, uint32_t at)
{
    uint16_t value;
    read(reader, at, &value, sizeof(value));
    return value;
}

uint32_t reds_read_u32(RedsReader *reader, uint32_t at)
{
    uint32_t value;
    read(reader, at, &value, sizeof(value));
    return value;
}

int32_t reds_read_i32(RedsReader *reader, uint32_t at)
{
    int32_t value;
    read(reader, at, &value, sizeof(value));
    return value;
}

int64_t reds_read_i64(RedsReader *reader, uint32_t at)
{
    int64_t value;
    read(reader, at, &value, sizeof(value));
    return value;
}

float reds_read_f32(RedsReader *reader, uint32_t at)
{
    float value;
    read(reader, at, &value, sizeof(value));
    return value;
}

uint32_t reds_follow(RedsReader *reader, uint32_t at)
{
    const uint32_t offset = reds_read_u32(reader, at);
    if (offset == 0 || offset >= reader->size || at >= reader->size - offset) {
        reader->malformed = 1;
        return 0;
    }
    return at + offset;
}

/* A table begins with the distance back to its vtable: u16 size of the vtable, u16 size of the table, u16 offset of
 * each field within the table. */
uint32_t reds_field(RedsReader *reader, uint32_t table, uint32_t index)
{
    const int64_t vtable = (int64_t)table - reds_read_i32(reader, table);
    if (table == 0 || vtable < 0 || vtable >= (int64_t)reader->size) {
        reader->malformed = 1;
        return 0;
    }
    const uint32_t slot = 4 + 2 * index;
    if (slot + 2 > read_u16(reader, (uint32_t)vtable)) {
        return 0;
    }
    const uint16_t offset = read_u16(reader, (uint32_t)vtable + slot);
    return offset ? table + offset : 0;
}

uint8_t reds_field_u8(RedsReader *reader, uint32_t table, uint32_t index, uint8_t absent)
{
    const uint32_t at = reds_field(reader, table, index);
    return at ? reds_read_u8(reader, at) : absent;
}

int32_t reds_field_i32(RedsReader *reader, uint32_t table, uint32_t index, int32_t absent)
{
    const uint32_t at = reds_field(reader, table, index);
    return at ? reds_read_i32(reader, at) : absent;
}

float reds_field_f32(RedsReader *reader, uint32_t table, uint32_t index, float absent)
{
    const uint32_t at = reds_field(reader, table, index);
    return at ? reds_read_f32(reader, at) : absent;
}

uint32_t reds_field_table(RedsReader *reader, uint32_t table, uint32_t index)
{
    const uint32_t at = reds_field(reader, table, index);
    return at ? reds_follow(reader, at) : 0;
}

RedsVector reds_field_vector(RedsReader *reader, uint32_t table, uint32_t index, uint32_t element_size)
{
    RedsVector vector = {0, 0};
    const uint32_t at = reds_field_table(reader, table, index);
    if (at) {
        const uint32_t count = reds_read_u32(reader, at);
        if (at + 4 > reader->size || count > (reader->size - at - 4) / element_size) {
            reader->malformed = 1;
        } else {
            vector.at = at + 4;
            vector.count = count;
        }
    }
    return vector;
}

uint32_t reds_element_table(RedsReader *reader, RedsVector vector, uint32_t index)
{
    if (index >= vector.count) {
        reader->malformed = 1;
        return 0;
    }
    return reds_follow(reader, vector.at + 4 * index);
}
