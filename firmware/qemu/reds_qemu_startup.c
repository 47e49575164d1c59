/* From reset to main(argc, argv) on QEMU's mps2-an386, with the C library's files and printf through semihosting. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reds_qemu_board.h"

extern uint32_t data_start[], data_end[], data_image[], bss_start[], bss_end[], stack_top[];
extern void initialise_monitor_handles(void);
extern int main(int argc, char **argv);
void reset(void);

enum { MAX_ARGUMENTS = 16, COMMAND_LINE_SIZE = 1024, SYS_GET_CMDLINE = 0x15 };

static char command_line[COMMAND_LINE_SIZE];
static char *arguments[MAX_ARGUMENTS + 1];

static void (*on_systick)(void);

void board_every(uint32_t instructions, void (*handler)(void))
{
    volatile uint32_t *const control = (volatile uint32_t *)0xE000E010;
    volatile uint32_t *const reload = (volatile uint32_t *)0xE000E014;
    volatile uint32_t *const current = (volatile uint32_t *)0xE000E018;
    on_systick = handler;
    *reload = instructions * 8 / 5;
    *current = 0;
    *control = handler ? 7 : 0; /* processor clock, interrupt, enable */
}

static void systick(void)
{
    on_systick();
}

static void fault(void)
{
    board_write("fault\n", 6);
    exit(3);
}

static int semihosting(int operation, void *parameters)
{
    register int r0 __asm__("r0") = operation;
    register void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static int read_arguments(void)
{
    struct {
        char *text;
        int size;
    } block = {command_line, COMMAND_LINE_SIZE};
    int count = 0;
    if (semihosting(SYS_GET_CMDLINE, &block) == 0) {
        for (char *word = strtok(command_line, " "); word && count < MAX_ARGUMENTS; word = strtok(NULL, " ")) {
            arguments[count++] = word;
        }
    }
    return count;
}

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* floating point unit on */
    __asm__ volatile("dsb\n\tisb");
    memcpy(data_start, data_image, (size_t)((char *)data_end - (char *)data_start));
    memset(bss_start, 0, (size_t)((char *)bss_end - (char *)bss_start));
    board_init();
    initialise_monitor_handles();
    const int count = read_arguments();
    exit(main(count, arguments));
}

void _init(void)
{
}

void _fini(void)
{
}

typedef void (*Handler)(void);

__attribute__((section(".vectors"), used)) static const Handler vectors[16] = {
    (Handler)(uintptr_t)stack_top,
    reset,
    fault,
    fault,
    fault,
    fault,
    fault,
    0,
    0,
    0,
    0,
    fault,
    fault,
    0,
    fault,
    systick,
};
