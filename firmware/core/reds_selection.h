/* Which subnetwork runs. The one place of the whole library that changes while a network is in use. */
#ifndef REDS_SELECTION_H
#define REDS_SELECTION_H

#include <stdint.h>

#include "reds_status.h"
#include "reds_table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct RedsSelection {
    const RedsTable *table;
    volatile uint8_t selected;                  /* what the next inference runs: a single byte, so never half written */
    uint8_t active;                             /* what the present inference runs */
    uint32_t measured_us[REDS_MAX_SUBNETWORKS]; /* of one inference, 0 if not measured */
} RedsSelection;

/* Limits of one inference; 0 means no limit. */
typedef struct RedsBudget {
    uint32_t time_us;
    uint32_t energy_nj;
} RedsBudget;

/* Selects subnetwork 0, the full network. `table` is kept. */
void reds_selection_init(RedsSelection *selection, const RedsTable *table);

/* Adaptation: from the next inference on, subnetwork `k` runs. May be called at any time, from an interrupt too. */
static inline RedsStatus reds_select(RedsSelection *selection, uint32_t k)
{
    if (k >= selection->table->subnetwork_count) {
        return REDS_NO_SUCH_SUBNETWORK;
    }
    selection->selected = (uint8_t)k;
    return REDS_OK;
}

/* Start of an inference: fixes the subnetwork that all of its layers use, and returns it. */
static inline uint8_t reds_begin(RedsSelection *selection)
{
    selection->active = selection->selected;
    return selection->active;
}

/* Selects the largest subnetwork whose costs lie within the budget; costs that are not known do not.
 *
 * A time that was measured on this device (reds_set_time) counts instead of the table's. If nothing fits, the
 * selection stays as it is: REDS_NOTHING_FITS, or REDS_COST_UNKNOWN if no subnetwork's costs are known.
 */
RedsStatus reds_select_for(RedsSelection *selection, RedsBudget budget);

/* The application has measured an inference of subnetwork `k`; the last measurement counts, 0 forgets it. */
RedsStatus reds_set_time(RedsSelection *selection, uint32_t k, uint32_t time_us);

/* Microseconds of one inference: measured, else the table's, else 0. */
uint32_t reds_time(const RedsSelection *selection, uint32_t k);

#ifdef __cplusplus
}
#endif

#endif
