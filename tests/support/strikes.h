#ifndef TESTS_SUPPORT_STRIKES_H
#define TESTS_SUPPORT_STRIKES_H

/*
 * Strikes: one or two parts of a story's system die (SIGKILL) or stand still (SIGSTOP), and are
 * mended. Which, how and for how long is decided by dice, so a seed brings the same ones again.
 *
 *     struct strike strike = strike_at_random(&dice, &(struct strike_rules){.instances = 1});
 *
 *     strike_begin(&strike);
 *     poll(NULL, 0, strike.away_ms);
 *     strike_end(&strike);
 *
 * From one thread at a time. The system needs a mongod of its own.
 */

#include "tests/support/story.h"

#define STRIKE_PARTS 8 /* the services, then the stores */

struct strike_rules {
    int instances;     /* of each service */
    int pairs_percent; /* how many strikes hit two parts at once */
    int away_ms;       /* at most; 0: 3000 */
    bool spare_stores; /* only services are hit */
};

struct victim {
    int part; /* see strike_part_name */
    int instance;
};

struct strike {
    struct victim victims[2];
    int count;
    bool kills; /* else they stand still */
    bool wipes; /* Redis comes back without its data */
    int away_ms;
};

/* "auth" … "payments", "mongod", "nats", "redis". */
const char *strike_part_name(int part);

struct strike strike_at_random(unsigned *dice, const struct strike_rules *rules);
void strike_begin(const struct strike *strike);

/* Mend it; returns when all of it is ready again. */
void strike_end(const struct strike *strike);

/* "kill orders and mongod"; as `at`. */
const char *strike_text(const struct strike *strike);

#endif
