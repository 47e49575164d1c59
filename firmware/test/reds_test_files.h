/* Whole files in memory, for the test programs. */
#ifndef REDS_TEST_FILES_H
#define REDS_TEST_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline void fail(const char *what, const char *name)
{
    fprintf(stderr, "error: %s: %s\n", what, name);
    exit(2);
}

/* 16-byte aligned, of exactly the file's size. */
static inline uint8_t *read_file(const char *path, uint32_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        fail("cannot read", path);
    }
    const long length = ftell(file);
    rewind(file);
    uint8_t *bytes = (uint8_t *)malloc(length > 0 ? (size_t)length : 1);
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        fail("cannot read", path);
    }
    fclose(file);
    *size = (uint32_t)length;
    return bytes;
}

static inline FILE *create_file(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        fail("cannot write", path);
    }
    return file;
}

static inline void write_bytes(FILE *file, const void *bytes, uint32_t size)
{
    if (fwrite(bytes, 1, size, file) != size) {
        fail("cannot write", "results");
    }
}

#endif
