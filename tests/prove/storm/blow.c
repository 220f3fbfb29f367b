/*
 * The storm itself: the crowd on its threads, the strikes on this one; then quiet, and the verdict.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define CALM_MS 4000 /* at the end of the storm nothing is broken any more */

/* How it blows, and on whom, by the mode's name. */
static const struct tempo {
    const char *mode;
    int away_ms, breath_ms, pairs_percent;
    bool only_kills, deals;
} tempos[] = {
    {"storm", 3000, 400, 25, false, false},
    {"kills", 200, 50, 60, true, false}, /* as many as there can be */
    {"chaos", 1500, 900, 25, false, false},
    {"answers", 500, 4000, 25, true, true}, /* what is dead answers nothing */
};

static const struct crowd traders = {NULL, CROWD_TRADERS, CROWD_FIRST, crowd_trade, 0};
static const struct crowd dealers = {NULL, CROWD_DEALERS, CROWD_FIRST_DEALER, crowd_deal, 0};

static const struct tempo *tempo_of(const struct storm *storm)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LENGTH(tempos) && strcmp(tempos[i].mode, storm->mode) != 0)
        i++;
    return &tempos[i];
}

static void set_health(struct storm *storm, const struct strike *strike, enum health health)
{
    for (int i = 0; i < strike->count; i++)
        atomic_store(&storm->health[strike->victims[i].part], health);
}

static void blow_once(struct storm *storm, unsigned *dice)
{
    const struct tempo *tempo = tempo_of(storm);
    struct strike_rules rules = {.instances = storm->instances,
                                 .pairs_percent = tempo->pairs_percent,
                                 .away_ms = tempo->away_ms};
    struct strike strike = strike_at_random(dice, &rules);
    const char *died = service_that_died();

    if (died) {
        count_up(storm, TALLY_FAILED);
        screen_say(storm, "%s ended by itself", died);
        cr_assert_fail("%s ended by itself", died);
    }
    strike.kills = strike.kills || tempo->only_kills;
    screen_say(storm, "%s", strike_text(&strike));
    set_health(storm, &strike, strike.kills ? DEAD : STANDING);
    strike_begin(&strike);
    for (int i = 0; strike.kills && i < strike.count; i++)
        count_up(storm, TALLY_KILLS);
    poll(NULL, 0, strike.away_ms);
    strike_end(&strike);
    set_health(storm, &strike, HEALTHY);
    poll(NULL, 0, rand_r(dice) % tempo->breath_ms);
}

static int promise_all(struct storm *storm)
{
    const char *with = storm->instances > 1 ? at(", %d of each", storm->instances) : "";
    long tries = tally_of(storm, TALLY_RESERVED) + tally_of(storm, TALLY_REFUSED);
    long kills = tally_of(storm, TALLY_KILLS);
    struct verdict verdict;
    bool agree;

    verdict_find(storm, &verdict);
    agree = verdict.disagreement == NULL;
    if (!tempo_of(storm)->deals)
        promise(storm, "P1", agree && verdict.linear, "0 in 10^5 contended reservations, kill loop",
                "%s in %ld (%ld more unanswered), %ld kills; %s%s",
                agree && verdict.linear ? "0" : "some", tries, tally_of(storm, TALLY_UNKNOWN),
                kills, verdict.histories, with);
    promise(storm, "P2", agree, "each version has exactly one event, after 2,000 kills",
            "%s in %lld events, %ld kills%s", agree ? "0 missing, 0 twice" : verdict.disagreement,
            verdict.events, kills, with);
    promise(storm, "P9", verdict.lost == 0, "0 lost of 10^5 answers of success",
            "%ld lost of %ld, %ld kills%s", verdict.lost, verdict.answers, kills, with);
    if (storm->instances > 1)
        promise(storm, "P13", verdict.held, "P1, P2 and P9 with three of each service",
                "%s, %ld kills", verdict.held ? "they hold" : "one is broken, see there", kills);
    return verdict.held ? 0 : 1;
}

static int tell_people(struct storm *storm)
{
    struct verdict verdict;

    verdict_find(storm, &verdict);
    screen_verdict(storm, &verdict);
    return verdict.held ? 0 : 1;
}

int blow(struct storm *storm)
{
    unsigned dice = storm->seed;
    int64_t calm_ms;
    struct crowd crowd = tempo_of(storm)->deals ? dealers : traders;
    int r;

    given_system(&(struct system_options){.instances = storm->instances,
                                          .own_mongo = true,
                                          .env = {"LOCK_SECONDS=4", "HTTP_WORKERS=32"}});
    crowd.storm = storm;
    crowd_open_market(storm);
    storm->begun_ms = instant_monotonic();
    storm->until_ms = storm->begun_ms + storm->seconds * 1000;
    calm_ms = storm->until_ms - (storm->seconds > 15 ? CALM_MS : 0);
    screen_begin(storm);
    crowd_send(&crowd);
    while (instant_monotonic() < calm_ms)
        blow_once(storm, &dice);
    while (instant_monotonic() < storm->until_ms)
        poll(NULL, 0, 100);
    crowd_call_back(&crowd);
    r = storm->for_people ? tell_people(storm) : promise_all(storm);
    crowd_close_market(storm);
    return r;
}
