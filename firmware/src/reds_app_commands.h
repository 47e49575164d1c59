/* Lines from the serial line, byte by byte: features may be longer than a line that a board can keep. */
#ifndef REDS_APP_COMMANDS_H
#define REDS_APP_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

/* A line as far as it has come: a letter, then a decimal number, or hexadecimal digits that go to `features`. */
typedef struct AppCommand {
    char letter;           /* 0: nothing has come */
    uint8_t has_argument;
    uint32_t number;       /* of all letters but `d` */
    size_t digits;         /* of `d`, so far */
    const char *error;     /* what is wrong with the line, NULL if nothing is */
} AppCommand;

/* Takes a byte; 1 if it ended a line, which is then in `command`. */
int app_command_take(AppCommand *command, char byte, int8_t *features, size_t feature_count);

#endif
