#include "reds_plan.h"

#include <stddef.h>

static RedsPlace *largest_unplanned(RedsPlace *places, uint32_t count)
{
    RedsPlace *largest = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!places[i].planned && places[i].size && (!largest || places[i].size > largest->size)) {
            largest = &places[i];
        }
    }
    return largest;
}

static int in_use_together(const RedsPlace *a, const RedsPlace *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static uint32_t end_of(const RedsPlace *place)
{
    return (place->offset + place->size + 7) & ~7u;
}

/* A planned place that this one must not overlap but does; NULL if there is none. */
static const RedsPlace *obstacle(const RedsPlace *places, uint32_t count, const RedsPlace *place)
{
    for (uint32_t i = 0; i < count; i++) {
        const RedsPlace *other = &places[i];
        if (other->planned && in_use_together(place, other) && place->offset < end_of(other) &&
            other->offset < end_of(place)) {
            return other;
        }
    }
    return NULL;
}

uint32_t reds_plan(RedsPlace *places, uint32_t count)
{
    uint32_t size = 0;
    for (RedsPlace *place; (place = largest_unplanned(places, count)) != NULL;) {
        place->offset = 0;
        for (const RedsPlace *other; (other = obstacle(places, count, place)) != NULL;) {
            place->offset = end_of(other);
        }
        place->planned = 1;
        size = end_of(place) > size ? end_of(place) : size;
    }
    return size;
}
