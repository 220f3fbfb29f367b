/*
 * The crowd: 10 sellers with 50 tickets each, and 200 buyers, 20 for each seller's tickets. What a
 * seller has is a row of seats; the 20 rivals all want the same two of them at a time, and move on
 * along the row. A seat that was sold or withdrawn is listed anew, as another ticket, so that there
 * is something to fight for as long as the storm blows.
 *
 * Or, where answers of success are to be many, dealers, who leave each other in peace: each lists
 * one ticket after the other, and takes his neighbour's.
 *
 * Each person is a thread with a die of its own: the seed decides what they want, not how they
 * interleave.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <stdlib.h>
#include <string.h>

#define SELLERS       10
#define SEATS_EACH    50
#define RIVALS        20
#define BUYERS        (SELLERS * RIVALS)
#define MOVE_ON_MS    2000
#define FIRST_SELLER  1000
#define FIRST_BUYER   2000
#define NEWCOMER      3000
#define PAY_ATTEMPTS  20
#define NEWCOMER_MS   1500
#define SELLERS_MS    400
#define BUYERS_MS     150
#define DEALERS_MS    50
#define UNHEARD_OF_MS 30

/* A seat's ticket changes now and then; what is read of it is always a whole id. */
struct seat {
    char ticket[ID_BYTES];
};

struct market {
    pthread_mutex_t lock;
    struct seat seats[SELLERS * SEATS_EACH];
};

static void read_seat(struct market *market, int seat, char *ret_ticket)
{
    pthread_mutex_lock(&market->lock);
    memcpy(ret_ticket, market->seats[seat].ticket, ID_BYTES);
    pthread_mutex_unlock(&market->lock);
}

/* List a ticket for this seat; it stays as it is where that does not work now. */
static void fill_seat(struct person *seller, int seat)
{
    struct market *market = seller->storm->market;
    char ticket[ID_BYTES];

    if (!person_list(seller, ticket))
        return;
    pthread_mutex_lock(&market->lock);
    memcpy(market->seats[seat].ticket, ticket, ID_BYTES);
    pthread_mutex_unlock(&market->lock);
}

static void fill_row(void *context, int i)
{
    struct storm *storm = context;
    struct person *seller = person_new(storm, CROWD_FIRST + i);

    for (int seat = i * SEATS_EACH; seat < (i + 1) * SEATS_EACH; seat++)
        while (storm->market->seats[seat].ticket[0] == '\0')
            fill_seat(seller, seat);
    person_free(seller);
}

void crowd_open_market(struct storm *storm)
{
    storm->market = xcalloc(1, sizeof(*storm->market));
    pthread_mutex_init(&storm->market->lock, NULL);
    together(SELLERS, fill_row, storm);
}

void crowd_close_market(struct storm *storm)
{
    if (storm->market == NULL)
        return;
    pthread_mutex_destroy(&storm->market->lock);
    free(take(storm->market));
}

/* Where the rivals are now in their row. */
static int wanted_seat(struct person *buyer, int row)
{
    int64_t moved = (instant_monotonic() - buyer->storm->begun_ms) / MOVE_ON_MS;
    int seat = (int)(moved + rand_r(&buyer->dice) % 2) % SEATS_EACH;

    return row * SEATS_EACH + seat;
}

static void sell(struct person *seller, int row)
{
    int seat = rand_r(&seller->dice) % 3 != 0
                   ? wanted_seat(seller, row)
                   : row * SEATS_EACH + rand_r(&seller->dice) % SEATS_EACH;
    int roll = rand_r(&seller->dice) % 100;
    char ticket[ID_BYTES], path[64];

    read_seat(seller->storm->market, seat, ticket);
    snprintf(path, sizeof(path), "/api/tickets/%s", ticket);
    if (person_browse(seller, path) != 200)
        return;
    if (strstr(seller->wire->body, "\"status\":\"sold\"") != NULL)
        fill_seat(seller, seat);
    else if (roll < 50)
        person_edit(seller, ticket);
    else if (roll < 65 && person_withdraw(seller, ticket))
        fill_seat(seller, seat);
}

static void pay_for(struct person *buyer, const char *order, const char *ticket, int roll)
{
    const char *card = roll % 5 == 0 ? "tok_chargeDeclined" : "tok_visa";

    /* 404: payments has not heard of the order yet. */
    for (int i = 0; i < PAY_ATTEMPTS && !atomic_load(&buyer->storm->over); i++) {
        if (person_pay(buyer, order, ticket, card) || buyer->wire->status != 404)
            return;
        person_think(buyer, UNHEARD_OF_MS);
    }
}

/* Pay, cancel, do both, or walk away; and look what became of it. */
static void go_on_with(struct person *buyer, const char *order, const char *ticket)
{
    int roll = rand_r(&buyer->dice) % 100;
    char status[24];

    if (roll < 30)
        pay_for(buyer, order, ticket, roll);
    else if (roll < 50)
        person_look(buyer, order, ticket, status);
    if (roll >= 20 && roll < 80) /* also what was just paid or declined */
        person_cancel(buyer, order, ticket);
    person_look(buyer, order, ticket, status);
}

static void buy(struct person *buyer, int row)
{
    char ticket[ID_BYTES], order[ID_BYTES];

    if (rand_r(&buyer->dice) % 10 == 0)
        person_browse(buyer, "/api/users/currentuser");
    read_seat(buyer->storm->market, wanted_seat(buyer, row), ticket);
    if (person_reserve(buyer, ticket, order))
        go_on_with(buyer, order, ticket);
    person_think(buyer, BUYERS_MS);
}

static void be_newcomer(struct person *person)
{
    person_sign_up(person, instant_now() * 1000 + rand_r(&person->dice) % 1000);
    person_think(person, NEWCOMER_MS);
}

void crowd_trade(struct person *person, int i)
{
    if (i < SELLERS) {
        sell(person, i);
        person_think(person, SELLERS_MS);
    } else if (i < SELLERS + BUYERS) {
        buy(person, (i - SELLERS) / RIVALS);
    } else {
        be_newcomer(person);
    }
}

/* Four answers of success each time, if all goes well; each has to be found again. */
void crowd_deal(struct person *person, int i)
{
    struct market *market = person->storm->market;
    char ticket[ID_BYTES], order[ID_BYTES];

    fill_seat(person, i);
    read_seat(market, i, ticket);
    person_edit(person, ticket);
    read_seat(market, (i + 1) % CROWD_DEALERS, ticket);
    if (!person_reserve(person, ticket, order))
        person_think(person, DEALERS_MS);
    else if (rand_r(&person->dice) % 10 == 0)
        pay_for(person, order, ticket, /* roll= */ 1);
    else
        person_cancel(person, order, ticket);
}

void crowd_random_ticket(struct person *person, char *ret_ticket)
{
    read_seat(person->storm->market, rand_r(&person->dice) % (SELLERS * SEATS_EACH), ret_ticket);
}

static void be_out_there(void *context, int i)
{
    struct crowd *crowd = context;
    struct person *person = person_new(crowd->storm, crowd->first + i);

    while (!atomic_load(&crowd->storm->over))
        crowd->work(person, i);
    person_free(person);
}

static void *run_crowd(void *context)
{
    struct crowd *crowd = context;

    together(crowd->count, be_out_there, crowd);
    return NULL;
}

void crowd_send(struct crowd *crowd)
{
    atomic_store(&crowd->storm->over, false);
    cr_assert_eq(pthread_create(&crowd->thread, NULL, run_crowd, crowd), 0);
}

void crowd_call_back(struct crowd *crowd)
{
    atomic_store(&crowd->storm->over, true);
    pthread_join(crowd->thread, NULL);
}

_Static_assert(CROWD_TRADERS == SELLERS + BUYERS + 1, "and the newcomer");
