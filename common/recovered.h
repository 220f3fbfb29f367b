#ifndef COMMON_RECOVERED_H
#define COMMON_RECOVERED_H

/*
 * What an event says of its aggregate's document, for a database that went back
 * (service_recover.c). A model fills it from the event alone.
 */

#include <bson/bson.h>

struct recovered {
    bson_t set, unset; /* fields to set and to take away */
    bson_t insert;     /* fields to set where there is no document yet */
    bson_t push;       /* elements to append to arrays */
};

#endif
