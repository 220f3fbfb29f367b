/*
 * The pool of workers, and who answers a suspended request.
 *
 * Idle workers wait on a stack, each on a condition of its own, and a request is handed to the one
 * that fell idle last: its memory is warm, and those that the load does not need are never touched.
 * Only when nobody is idle is a request queued; the queue is bounded, so that what cannot be
 * answered in time is refused at once.
 *
 * A suspended request is answered by whoever claims it: the worker that ran it, or the loop, once
 * its time is over (504) or the server ends. The claim is one compare-and-swap; the loser throws
 * its answer away. A request that the loop has answered while it was still queued is not run at
 * all; one that was running runs to its end, and its effect stands, as with any 504.
 */
#include "common/http_internal.h"

#include "common/log.h"

#include <stdlib.h>
#include <string.h>

bool http_claim(struct http_exchange *exchange, enum http_claim by)
{
    int pending = CLAIM_PENDING;

    return atomic_compare_exchange_strong(&exchange->claim, &pending, by);
}

static void work(struct http_exchange *exchange)
{
    struct MHD_Response *response;
    unsigned int status;

    if (atomic_load(&exchange->claim) != CLAIM_PENDING) {
        http_exchange_drop(exchange);
        return;
    }
    response = http_dispatch(exchange, &status);
    if (http_claim(exchange, CLAIM_WORKER)) {
        exchange->response = response;
        exchange->response_status = status;
        MHD_resume_connection(exchange->connection); /* from here on it is the loop's again */
        http_wake(exchange->loop);
    } else {
        MHD_destroy_response(response);
    }
    http_exchange_drop(exchange);
}

/* The next request for `worker`, waiting for one; NULL when the pool stops and nothing is left. */
static struct http_exchange *next_job(struct http_worker *worker)
{
    struct http_pool *pool = worker->pool;
    struct http_exchange *job = NULL;

    pthread_mutex_lock(&pool->lock);
    if (pool->queue_first != NULL) {
        job = pool->queue_first;
        pool->queue_first = job->queue_next;
        pool->queued--;
        metric_add(pool->waiting, -1);
    } else if (!pool->stopping) {
        worker->idle_next = pool->idle;
        pool->idle = worker;
        while (worker->job == NULL && !pool->stopping)
            pthread_cond_wait(&worker->wake, &pool->lock);
        job = take(worker->job);
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker_run(void *argument)
{
    struct http_worker *worker = argument;
    const struct http_config *config = &worker->pool->server->config;

    for (struct http_exchange *job; (job = next_job(worker)) != NULL;) {
        metric_add(worker->pool->busy, 1);
        work(job);
        metric_add(worker->pool->busy, -1);
    }
    if (config->worker_done != NULL)
        config->worker_done(config->app);
    return NULL;
}

bool http_pool_push(struct http_pool *pool, struct http_exchange *exchange)
{
    struct http_worker *worker;

    pthread_mutex_lock(&pool->lock);
    worker = pool->idle;
    if (pool->stopping || (worker == NULL && pool->queued == pool->queue_max)) {
        pthread_mutex_unlock(&pool->lock);
        return false;
    }
    /* suspended before a worker can see it, or its resume could come first */
    MHD_suspend_connection(exchange->connection);
    atomic_fetch_add(&exchange->holders, 1);
    if (worker != NULL) {
        pool->idle = worker->idle_next;
        worker->job = exchange;
        pthread_cond_signal(&worker->wake);
    } else {
        exchange->queue_next = NULL;
        if (pool->queue_first == NULL)
            pool->queue_first = exchange;
        else
            pool->queue_last->queue_next = exchange;
        pool->queue_last = exchange;
        pool->queued++;
        metric_add(pool->waiting, 1);
    }
    pthread_mutex_unlock(&pool->lock);
    return true;
}

int http_pool_open(struct http_pool *pool, struct http_server *server)
{
    size_t count = (size_t)server->config.workers;
    pthread_attr_t attributes;
    int error = 0;

    pool->server = server;
    pool->queue_max = count * HTTP_QUEUE_PER_WORKER;
    pool->workers = xcalloc(count, sizeof(*pool->workers));
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, HTTP_WORKER_STACK_BYTES);
    for (size_t i = 0; i < count && error == 0; i++) {
        struct http_worker *worker = &pool->workers[i];

        worker->pool = pool;
        pthread_cond_init(&worker->wake, NULL);
        error = pthread_create(&worker->thread, &attributes, worker_run, worker);
        if (error == 0)
            pool->worker_count++;
        else
            pthread_cond_destroy(&worker->wake);
    }
    pthread_attr_destroy(&attributes);
    return error == 0 ? 0 : fail(-error, "http worker thread: %s", strerror(error));
}

void http_pool_close(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct http_worker *worker = pool->idle; worker != NULL; worker = worker->idle_next)
        pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->worker_count; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        pthread_cond_destroy(&pool->workers[i].wake);
    }
    free(pool->workers);
}
