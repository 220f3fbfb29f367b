#ifndef COMMON_IDEMPOTENCY_H
#define COMMON_IDEMPOTENCY_H

/*
 * Idempotency keys: the same request, user and key give the stored answer for 24 h.
 *
 * One document for each (user, route, key) in the collection `idempotency`: made before the handler
 * runs ("running", leased for the request's time), completed with status and body after. The same
 * key with another body is UNPROCESSABLE; while the first still runs, CONFLICT. Answers 2xx and 4xx
 * are stored, but not 401, 404, 409, 429; after those and after failures the key is free again.
 *
 * A request may have changed something, and its answer may have been lost before it was stored. It
 * then runs again, and its handler knows its own work by the request's fingerprint (http.h).
 */

#include "common/http.h"
#include "common/store.h"

/* The indexes it needs, for a service's table. */
#define IDEMPOTENCY_INDEX                                                                        \
    {                                                                                            \
        "idempotency", "idempotency_expiry", "{\"expiresAt\": 1}", "{\"expireAfterSeconds\": 0}" \
    }

/* The hooks for http_config; `store` is borrowed. */
struct http_idempotency idempotency_hooks(struct store *store);

#endif
