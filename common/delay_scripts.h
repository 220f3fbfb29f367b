#ifndef COMMON_DELAY_SCRIPTS_H
#define COMMON_DELAY_SCRIPTS_H

/*
 * The Lua scripts of delay.c: what has to happen in Redis at once.
 *
 * KEYS: 1 `due` (member: id; score: the instant), 2 `leased` (member: "<id>:<due>"; score: the end
 * of the lease), 3 the marker. A lease carries the instant it was claimed for, so that freeing it
 * never frees what was scheduled meanwhile. Times are milliseconds of Redis's own clock; they are
 * formatted here, because Lua would write 1.76e+12.
 */

/* ARGV: 1 most jobs, 2 lease, 3 longest wait. Returns {wait, marked, id, due, id, due …}. */
static const char delay_claim_script[] =
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local text = string.format('%.0f', now)\n"
    /* leases that ended are due again, unless the job was moved to a later instant */
    "for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text)) do\n"
    "  local id, due = string.match(member, '^(.*):(%d+)$')\n"
    "  redis.call('ZREM', KEYS[2], member)\n"
    "  redis.call('ZADD', KEYS[1], 'GT', due, id)\n"
    "end\n"
    "local jobs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text, 'WITHSCORES',\n"
    "                        'LIMIT', 0, ARGV[1])\n"
    "local lease = string.format('%.0f', now + ARGV[2])\n"
    "for i = 1, #jobs, 2 do\n"
    "  redis.call('ZREM', KEYS[1], jobs[i])\n"
    "  redis.call('ZADD', KEYS[2], lease, jobs[i] .. ':' .. jobs[i + 1])\n"
    "end\n"
    "local wait = tonumber(ARGV[3])\n"
    "for key = 1, 2 do\n"
    "  local first = redis.call('ZRANGE', KEYS[key], 0, 0, 'WITHSCORES')\n"
    "  if first[2] then wait = math.min(wait, math.max(0, first[2] - now)) end\n"
    "end\n"
    "local answer = {wait, redis.call('EXISTS', KEYS[3])}\n"
    "for i = 1, #jobs do answer[i + 2] = jobs[i] end\n"
    "return answer\n";

/* ARGV: 1 id. Leases are few: a scan of them costs nothing. */
static const char delay_cancel_script[] =
    "redis.call('ZREM', KEYS[1], ARGV[1])\n"
    "for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do\n"
    "  if string.match(member, '^(.*):%d+$') == ARGV[1] then redis.call('ZREM', KEYS[2], member) "
    "end\n"
    "end\n"
    "return 1\n";

#endif
