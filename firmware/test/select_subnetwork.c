/* Obeys requests for subnetworks, one for each argument, and prints the selected index after each:
 * select_subnetwork TABLE [K | time:US | energy:NJ | both:US:NJ | measured:K:US | begin]...
 * What is refused prints its message and leaves the selection as it is; begin starts an inference and prints what it
 * runs.
 */
#include <string.h>

#include "reds.h"
#include "reds_test_files.h"

static RedsStatus obey(RedsSelection *selection, const char *request)
{
    unsigned long first = 0, second = 0;
    RedsBudget budget = {0, 0};
    if (sscanf(request, "measured:%lu:%lu", &first, &second) == 2) {
        return reds_set_time(selection, (uint32_t)first, (uint32_t)second);
    }
    if (sscanf(request, "time:%lu", &first) == 1) {
        budget.time_us = (uint32_t)first;
    } else if (sscanf(request, "energy:%lu", &first) == 1) {
        budget.energy_nj = (uint32_t)first;
    } else if (sscanf(request, "both:%lu:%lu", &first, &second) == 2) {
        budget.time_us = (uint32_t)first;
        budget.energy_nj = (uint32_t)second;
    } else {
        return reds_select(selection, (uint32_t)strtoul(request, NULL, 10));
    }
    return reds_select_for(selection, budget);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fail("usage", "select_subnetwork TABLE REQUEST...");
    }
    uint32_t size;
    uint8_t *bytes = read_file(argv[1], &size);
    RedsTable table;
    const RedsStatus status = reds_table_open(&table, bytes, size);
    if (status != REDS_OK) {
        fail(reds_message(status), argv[1]);
    }
    RedsSelection selection;
    reds_selection_init(&selection, &table);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "begin") == 0) {
            printf("runs %u\n", reds_begin(&selection));
            continue;
        }
        const RedsStatus answer = obey(&selection, argv[i]);
        printf("%u active %u%s%s\n", selection.selected, selection.active, answer ? ": " : "",
               answer ? reds_message(answer) : "");
    }
    free(bytes);
    return 0;
}
