#include "reds_selection.h"

void reds_selection_init(RedsSelection *selection, const RedsTable *table)
{
    selection->table = table;
    selection->selected = 0;
    selection->active = 0;
    for (uint32_t k = 0; k < REDS_MAX_SUBNETWORKS; k++) {
        selection->measured_us[k] = 0;
    }
}

uint32_t reds_time(const RedsSelection *selection, uint32_t k)
{
    const uint32_t measured = selection->measured_us[k];
    return measured ? measured : selection->table->subnetworks[k].time_us;
}

RedsStatus reds_set_time(RedsSelection *selection, uint32_t k, uint32_t time_us)
{
    if (k >= selection->table->subnetwork_count) {
        return REDS_NO_SUCH_SUBNETWORK;
    }
    selection->measured_us[k] = time_us;
    return REDS_OK;
}

RedsStatus reds_select_for(RedsSelection *selection, RedsBudget budget)
{
    RedsStatus status = REDS_COST_UNKNOWN;
    for (uint32_t k = 0; k < selection->table->subnetwork_count; k++) {
        const uint32_t time = reds_time(selection, k);
        const uint32_t energy = selection->table->subnetworks[k].energy_nj;
        if ((budget.time_us && !time) || (budget.energy_nj && !energy)) {
            continue;
        }
        if ((!budget.time_us || time <= budget.time_us) && (!budget.energy_nj || energy <= budget.energy_nj)) {
            return reds_select(selection, k);
        }
        status = REDS_NOTHING_FITS;
    }
    return status;
}
