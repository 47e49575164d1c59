#include "reds_app_commands.h"

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit = (char)(digit | 0x20); /* lower case */
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static void take_feature_digit(AppCommand *command, char byte, int8_t *features, size_t feature_count)
{
    const int value = hexadecimal(byte);
    if (value < 0) {
        command->error = "features are hexadecimal digits";
        return;
    }
    const size_t index = command->digits / 2;
    if (index < feature_count) {
        const uint8_t high = command->digits % 2 ? (uint8_t)features[index] : 0;
        features[index] = (int8_t)(uint8_t)(high << 4 | value);
    }
    command->digits += 1;
}

static void take_number_digit(AppCommand *command, char byte)
{
    if (byte < '0' || byte > '9') {
        command->error = "the number is not made of digits";
        return;
    }
    const uint32_t digit = (uint32_t)(byte - '0');
    if (command->number > (UINT32_MAX - digit) / 10) {
        command->error = "the number is larger than 4294967295";
        return;
    }
    command->number = command->number * 10 + digit;
}

int app_command_take(AppCommand *command, char byte, int8_t *features, size_t feature_count)
{
    static const AppCommand nothing = {0};
    if (byte == '\n' || byte == '\r') {
        return command->letter != 0; /* empty lines, and the second half of "\r\n", mean nothing */
    }
    if (byte == ' ') {
        return 0;
    }
    if (!command->letter) {
        *command = nothing;
        command->letter = byte;
    } else if (!command->error) {
        command->has_argument = 1;
        if (command->letter == 'd') {
            take_feature_digit(command, byte, features, feature_count);
        } else {
            take_number_digit(command, byte);
        }
    }
    return 0;
}
