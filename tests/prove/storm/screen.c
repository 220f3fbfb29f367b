/*
 * The screen: what goes on, on standard error. A prover shows one line: rewritten in place on a
 * terminal, else once in 10 s. `make chaos` shows a board of four lines that stays at the bottom,
 * above which the strikes scroll by; without a terminal it prints the same as plain lines.
 *
 * A thread of its own paints. Whoever has something to say takes the lock, wipes the board, prints
 * a line, and the board is painted again below.
 */
#include "tests/prove/storm/storm.h"

#include "common/instant.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAINT_MS      200
#define SAMPLE_MS     500
#define SAMPLES       40
#define PLAIN_MS      10000
#define PLAIN_SHOW_MS 5000
#define BAR_CELLS     40

#define RED    "\x1b[31m"
#define GREEN  "\x1b[32m"
#define YELLOW "\x1b[33m"
#define DIM    "\x1b[2m"
#define BOLD   "\x1b[1m"
#define NORMAL "\x1b[0m"
#define CLEAR  "\r\x1b[J" /* to the end of the screen */

static struct {
    pthread_mutex_t lock;
    pthread_t painter;
    bool runs, stops, on_terminal, in_colour;
    int lines;           /* of the board, as it stands there */
    int64_t plain_ms;    /* when the next plain line is due */
    int64_t sampled_ms;  /* when the last rate was taken */
    long sampled;        /* requests then */
    long rates[SAMPLES]; /* requests in each SAMPLE_MS, the newest last */
} screen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *colour(const char *code)
{
    return screen.in_colour ? code : "";
}

/* 12345 as "12,345"; valid until eight others were written. */
static const char *grouped(long number)
{
    static char texts[8][32];
    static unsigned next;
    char *text = texts[next++ % 8], digits[24];
    int length = snprintf(digits, sizeof(digits), "%ld", number), used = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

static double seconds_of(const struct storm *storm)
{
    return storm->begun_ms ? (double)(instant_monotonic() - storm->begun_ms) / 1000 : 0;
}

static void wipe_board(void)
{
    if (screen.lines > 1)
        fprintf(stderr, "\x1b[%dA", screen.lines - 1);
    if (screen.lines > 0)
        fputs(CLEAR, stderr);
    screen.lines = 0;
}

static void paint_parts(const struct storm *storm)
{
    static const struct {
        const char *mark, *colour;
    } looks[] = {[HEALTHY] = {"●", GREEN}, [DEAD] = {"✗", RED}, [STANDING] = {"‖", YELLOW}};

    fputs("  ", stderr);
    for (int i = 0; i < STRIKE_PARTS; i++) {
        enum health health = atomic_load(&storm->health[i]);

        fprintf(stderr, "%s%s%s %s%s", colour(looks[health].colour), looks[health].mark,
                health == HEALTHY ? colour(NORMAL) : "", strike_part_name(i), colour(NORMAL));
        fputs(i + 1 < STRIKE_PARTS ? "  " : "\n", stderr);
    }
}

static void paint_bar(const struct storm *storm)
{
    double gone = seconds_of(storm), all = (double)storm->seconds;
    int full = gone >= all ? BAR_CELLS : (int)(gone / all * BAR_CELLS);

    fprintf(stderr, "  %s", colour(GREEN));
    for (int i = 0; i < BAR_CELLS; i++)
        fprintf(stderr, "%s%s", i == full ? colour(NORMAL DIM) : "", i < full ? "█" : "░");
    if (gone < all)
        fprintf(stderr, "%s  %.0f of %.0f s\n", colour(NORMAL), gone, all);
    else
        fprintf(stderr, "%s  quiet for %.0f s\n", colour(NORMAL), gone - all);
}

static void paint_rates(void)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    long most = 1;

    for (int i = 0; i < SAMPLES; i++)
        most = screen.rates[i] > most ? screen.rates[i] : most;
    fprintf(stderr, "  %s", colour(DIM));
    for (int i = 0; i < SAMPLES; i++)
        fputs(heights[screen.rates[i] * 7 / most], stderr);
    fprintf(stderr, "%s  %s requests a second\n", colour(NORMAL),
            grouped(screen.rates[SAMPLES - 1] * 1000 / SAMPLE_MS));
}

static void take_sample(const struct storm *storm)
{
    int64_t now_ms = instant_monotonic();
    long requests = tally_of(storm, TALLY_OPERATIONS);

    if (now_ms - screen.sampled_ms < SAMPLE_MS)
        return;
    memmove(screen.rates, screen.rates + 1, sizeof(screen.rates) - sizeof(screen.rates[0]));
    screen.rates[SAMPLES - 1] = requests - screen.sampled;
    screen.sampled = requests;
    screen.sampled_ms = now_ms;
}

static void write_tallies(const struct storm *storm)
{
    if (storm->for_people)
        fprintf(stderr, "  %s requests  %s seats held  %s paid  %s killed  %s%s findings%s",
                grouped(tally_of(storm, TALLY_OPERATIONS)),
                grouped(tally_of(storm, TALLY_RESERVED)), grouped(tally_of(storm, TALLY_PAID)),
                grouped(tally_of(storm, TALLY_KILLS)),
                tally_of(storm, TALLY_FAILED) ? colour(RED) : "",
                grouped(tally_of(storm, TALLY_FAILED)), colour(NORMAL));
    else
        fprintf(stderr, "%4.0f s  %s operations  %s kills  %s reserved  %s sold  %s findings",
                seconds_of(storm), grouped(tally_of(storm, TALLY_OPERATIONS)),
                grouped(tally_of(storm, TALLY_KILLS)), grouped(tally_of(storm, TALLY_RESERVED)),
                grouped(tally_of(storm, TALLY_PAID)), grouped(tally_of(storm, TALLY_FAILED)));
}

static void paint_board(const struct storm *storm)
{
    wipe_board();
    if (storm->for_people) {
        take_sample(storm);
        paint_parts(storm);
        paint_bar(storm);
        paint_rates();
        screen.lines = 3;
    }
    write_tallies(storm);
    screen.lines++;
    fflush(stderr);
}

static void print_plain(const struct storm *storm)
{
    if (instant_monotonic() < screen.plain_ms)
        return;
    screen.plain_ms = instant_monotonic() + (storm->for_people ? PLAIN_SHOW_MS : PLAIN_MS);
    if (storm->for_people)
        fprintf(stderr, "%5.1f s", seconds_of(storm));
    write_tallies(storm);
    fputs("\n", stderr);
}

static void *paint(void *context)
{
    const struct storm *storm = context;
    bool stops = false;

    while (!stops) {
        pthread_mutex_lock(&screen.lock);
        if (screen.on_terminal)
            paint_board(storm);
        else
            print_plain(storm);
        stops = screen.stops;
        pthread_mutex_unlock(&screen.lock);
        poll(NULL, 0, PAINT_MS);
    }
    return NULL;
}

void screen_begin(struct storm *storm)
{
    screen.on_terminal = isatty(STDERR_FILENO);
    screen.in_colour = screen.on_terminal && getenv("NO_COLOR") == NULL;
    screen.sampled_ms = instant_monotonic();
    screen.runs = pthread_create(&screen.painter, NULL, paint, storm) == 0;
}

void screen_end(struct storm *storm)
{
    (void)storm;
    if (!screen.runs)
        return;
    pthread_mutex_lock(&screen.lock);
    screen.stops = true;
    pthread_mutex_unlock(&screen.lock);
    pthread_join(screen.painter, NULL);
    screen.runs = false;
    if (screen.lines > 0)
        fputs("\n", stderr);
    screen.lines = 0;
}

void screen_say(struct storm *storm, const char *format, ...)
{
    char line[512];
    const char *mark = "·", *code = DIM;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (strncmp(line, "kill ", 5) == 0)
        mark = "✗", code = RED;
    if (strncmp(line, "pause ", 6) == 0)
        mark = "‖", code = YELLOW;

    pthread_mutex_lock(&screen.lock);
    if (screen.on_terminal)
        wipe_board();
    fprintf(stderr, "%s%5.1f s%s  %s%s %s%s\n", colour(DIM), seconds_of(storm), colour(NORMAL),
            colour(code), mark, line, colour(NORMAL));
    if (screen.on_terminal && screen.runs)
        paint_board(storm);
    pthread_mutex_unlock(&screen.lock);
}

static void tell(bool kept, const char *what, const char *figures)
{
    fprintf(stderr, "  %s%s%s %-52s %s%s%s\n", colour(kept ? GREEN : RED), kept ? "✓" : "✗",
            colour(NORMAL), what, colour(DIM), figures, colour(NORMAL));
}

void screen_verdict(const struct storm *storm, const struct verdict *verdict)
{
    long tries = tally_of(storm, TALLY_RESERVED) + tally_of(storm, TALLY_REFUSED);
    bool agree = verdict->disagreement == NULL, calm = tally_of(storm, TALLY_FAILED) == 0;

    fputs("\nIt is quiet again. The auditor has read five databases, five streams and Stripe's "
          "ledger:\n\n",
          stderr);
    tell(agree, "nothing was sold twice, nothing is held by two",
         at("%s tries, %s seats held", grouped(tries), grouped(tally_of(storm, TALLY_RESERVED))));
    tell(agree, "every change was told to all, exactly once",
         at("%s events, %s processes killed", grouped((long)verdict->events),
            grouped(tally_of(storm, TALLY_KILLS))));
    tell(agree, "money was taken for what was sold, and for no more",
         at("%s payments", grouped(tally_of(storm, TALLY_PAID))));
    tell(verdict->lost == 0, "what was answered with success is there",
         at("%s answers, %s lost", grouped(verdict->answers), grouped(verdict->lost)));
    tell(calm, "nothing else crashed, and nobody got a 500",
         at("%s requests", grouped(tally_of(storm, TALLY_OPERATIONS))));
    if (!agree)
        fprintf(stderr, "\n  %s%s%s\n", colour(RED), verdict->disagreement, colour(NORMAL));
    fprintf(stderr, "\n%s%s%s  The same again: %s\n", colour(verdict->held ? BOLD GREEN : BOLD RED),
            verdict->held ? "All promises held." : "A promise is broken.", colour(NORMAL),
            replay_command(storm));
}
