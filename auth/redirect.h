#ifndef AUTH_REDIRECT_H
#define AUTH_REDIRECT_H

/*
 * Redirect: where a browser is sent on to. Pure.
 */

#define REDIRECT_MAX_BYTES 1024

/* `next` if it is a path on this site, and fit for a header; else (also for NULL) "/". */
const char *redirect_path(const char *next);

#endif
