/*
 * Strikes: see strikes.h. The order of mending matters: a service gets ready only when its stores
 * answer, so the stores come first.
 */
#include "tests/support/strikes.h"

#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVICES 5
#define AWAY_MS  3000

static const char *const parts[] = {"auth",     "tickets", "orders", "expiration",
                                    "payments", "mongod",  "nats",   "redis"};

_Static_assert(ARRAY_LENGTH(parts) == STRIKE_PARTS, "each part has a name");

const char *strike_part_name(int part)
{
    return parts[part];
}

static bool is_service(int part)
{
    return part < SERVICES;
}

static enum given_store_kind store_of(int part)
{
    static const enum given_store_kind kinds[] = {GIVEN_MONGO, GIVEN_NATS, GIVEN_REDIS};

    return kinds[part - SERVICES];
}

static struct victim victim_at_random(unsigned *dice, const struct strike_rules *rules)
{
    struct victim victim = {.part = rand_r(dice) % (rules->spare_stores ? SERVICES : STRIKE_PARTS)};
    int instance = rand_r(dice); /* always rolled, so that the dice fall alike for all rules */

    if (is_service(victim.part))
        victim.instance = instance % rules->instances;
    return victim;
}

struct strike strike_at_random(unsigned *dice, const struct strike_rules *rules)
{
    int most_ms = rules->away_ms > 0 ? rules->away_ms : AWAY_MS;
    struct strike strike = {.count = 1};

    strike.victims[0] = victim_at_random(dice, rules);
    strike.victims[1] = victim_at_random(dice, rules);
    if (rand_r(dice) % 100 < rules->pairs_percent &&
        (strike.victims[0].part != strike.victims[1].part ||
         strike.victims[0].instance != strike.victims[1].instance))
        strike.count = 2;
    strike.kills = rand_r(dice) % 3 != 0;
    strike.wipes = rand_r(dice) % 2 == 0;
    /* Who was killed is away for as long as its start takes, and sometimes a little longer. */
    strike.away_ms = rand_r(dice) % (strike.kills ? most_ms / 4 : most_ms);
    return strike;
}

void strike_begin(const struct strike *strike)
{
    for (int i = 0; i < strike->count; i++) {
        const struct victim *victim = &strike->victims[i];

        if (is_service(victim->part) && strike->kills)
            kill_service(parts[victim->part], victim->instance);
        else if (is_service(victim->part))
            pause_service(parts[victim->part], victim->instance, true);
        else if (strike->kills)
            kill_store(store_of(victim->part));
        else
            pause_store(store_of(victim->part), true);
    }
}

static void mend(const struct strike *strike, const struct victim *victim)
{
    if (is_service(victim->part) && strike->kills)
        start_service(parts[victim->part], victim->instance);
    else if (is_service(victim->part))
        pause_service(parts[victim->part], victim->instance, false);
    else if (strike->kills)
        revive_store(store_of(victim->part),
                     /* wiped= */ strike->wipes && store_of(victim->part) == GIVEN_REDIS);
    else
        pause_store(store_of(victim->part), false);
}

void strike_end(const struct strike *strike)
{
    for (int services = 0; services < 2; services++)
        for (int i = 0; i < strike->count; i++)
            if (is_service(strike->victims[i].part) == (services == 1))
                mend(strike, &strike->victims[i]);
}

static const char *victim_text(const struct strike *strike, const struct victim *victim)
{
    bool wiped = strike->kills && strike->wipes && !is_service(victim->part) &&
                 store_of(victim->part) == GIVEN_REDIS;

    return at("%s%s%s", parts[victim->part],
              victim->instance > 0 ? at("-%d", victim->instance + 1) : "",
              wiped ? " (and wipe it)" : "");
}

const char *strike_text(const struct strike *strike)
{
    return at("%s %s%s%s", strike->kills ? "kill" : "pause",
              victim_text(strike, &strike->victims[0]), strike->count > 1 ? " and " : "",
              strike->count > 1 ? victim_text(strike, &strike->victims[1]) : "");
}
