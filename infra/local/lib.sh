# shellcheck shell=bash
# What the scripts of the local stack share: where things are, what may be set, how to complain.
# Sourced by each of them first; leaves the shell in the repository's root.
#
# Everything that the stack makes lives in .local/, which git ignores:
#   bin/ venv/   tools that `make setup` brought      run/   generated configuration, sockets, pids
#   data/        what the stores keep                  log/   one file a process
#   secrets.env  JWT_KEY and passwords, made once (JWT_KEY_OTHER too, while keys are changed)

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD
dot=$root/.local
run=$dot/run
export PATH="$dot/bin:$PATH:/usr/sbin:/sbin"

services=(*/main.c) # a service is a folder with a main.c, as for make
services=("${services[@]%/main.c}")

# What may run several times (`make scale`): those, and the web client.
# shellcheck disable=SC2034 # used by those who source this
scalable=("${services[@]}" client)

say() {
    printf '%s\n' "$*"
}

# Say in one line what is wrong and what to do, and end.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# `version_at_least 2.10 2.15.1`: is the second at least the first?
version_at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# `port_of orders 3`: the port of the third process of a service (3023).
port_of() {
    local base=${1^^}_PORT
    echo $((${!base} + ($2 - 1) * 10))
}

# What may be set, with its default. `make up` takes it from the environment and notes it in
# run/stack.env; the other commands read it from there, so that they mean the same stack.
# ..._COUNT is how many processes of a service run (`make scale`); it stays until `make down`.
# shellcheck disable=SC2034 # used by those who source this
stack_settings=(
    FLAVOUR=release EDGE_ADDRESS=127.0.0.1 EDGE_PORT=8080 RATE_LIMITS=on
    MONGO_PORT=27017 NATS_PORT=4222 NATS_MONITOR_PORT=8222 REDIS_PORT=6379 STRIPE_PORT=8420
    MONGO_URI= STRIPE_API_BASE= STRIPE_KEY=sk_test_local STRIPE_WEBHOOK_SECRET=whsec_local
    STRIPE_PUBLISHABLE_KEY=pk_test_local CLIENT_PORT=3000 CLIENT_COUNT=1 OPS_PORT=3006
    MONITORING=0 PROMETHEUS_PORT=9090
)
# AUTH_PORT=3001 AUTH_COUNT=1 …: the ports are those that the services' main.c name.
for service in "${services[@]}"; do
    stack_settings+=("${service^^}_COUNT=1"
        "${service^^}_PORT=$(sed -n 's/^ *\.port = \([0-9]*\),$/\1/p' "$service/main.c")")
done
# Settings of the services that are passed on where they are set; their defaults are the services'.
# shellcheck disable=SC2034
service_settings=(LOG_LEVEL HTTP_WORKERS HTTP_LOOPS LISTENER_WORKERS JWT_SECONDS SESSION_COOKIE
    ALLOW_WEAK_JWT_KEY ALLOW_UNEXPIRING_JWT LOCK_SECONDS MAX_LIVE_ORDERS MIN_PRICE CURRENCY
    OTEL_EXPORTER_OTLP_ENDPOINT OTEL_TRACES_SAMPLER_ARG)

# Read the settings of the running stack, and the secrets; false where none was started.
load_stack() {
    # shellcheck source=/dev/null
    [ -e "$run/stack.env" ] && . "$run/stack.env" && . "$dot/secrets.env"
}

supervisor() {
    supervisorctl -c "$run/supervisord.conf" "$@"
}

supervisor_pid() {
    local pid
    pid=$(cat "$run/supervisord.pid" 2>/dev/null) && [ -n "$pid" ] &&
        grep -qs supervisord "/proc/$pid/cmdline" && echo "$pid"
}

# Was process `pid` started by this stack's supervisor, living or dead? nginx writes its title over
# the environment that it was started with; its title names its configuration instead.
is_left_over() {
    grep -qszxF "TICKETING_STACK=$root" "/proc/$1/environ" ||
        { grep -qsx nginx "/proc/$1/comm" && grep -qsF "$run/nginx.conf" "/proc/$1/cmdline"; }
}

# What was built, told from what was built before: ORDERS_BUILD=… and so on, a line each.
builds() {
    local service
    for service in "${services[@]}"; do
        printf '%s_BUILD=%s\n' "${service^^}" \
            "$(sha256sum "build/$FLAVOUR/bin/$service" | cut -c 1-16)"
    done
    echo "OPS_BUILD=$(sha256sum "build/$FLAVOUR/bin/ticketctl" | cut -c 1-16)"
    echo "CLIENT_BUILD=$(cat build/client/.next/BUILD_ID)"
}

# Have the running supervisor, and the edge, take up what has changed.
take_up_changes() {
    local old_edge
    old_edge=$(cat "$run/nginx.conf" 2>/dev/null || true)
    infra/local/stack-config
    supervisor update | sed 's/^/  /'
    if [ "$old_edge" != "$(cat "$run/nginx.conf")" ]; then
        supervisor signal HUP edge >/dev/null
    fi
    find "$run" -maxdepth 1 -name 'client-*' ! -name "client-$CLIENT_BUILD" -exec rm -rf {} +
}

# Every process of the stack with its port, a line each. A store
# that is somebody else's (MONGO_URI, STRIPE_API_BASE) is not among them.
stack_processes() {
    local service count n
    [ -n "$MONGO_URI" ] || echo "mongo $MONGO_PORT"
    echo "nats $NATS_PORT"
    echo "redis $REDIS_PORT"
    [ -n "$STRIPE_API_BASE" ] || echo "stripe $STRIPE_PORT"
    for service in "${scalable[@]}"; do
        count=${service^^}_COUNT
        for ((n = 1; n <= ${!count:-0}; n++)); do # 0: it is newer than the running stack
            echo "$service-$n $(port_of "$service" "$n")"
        done
    done
    [ -z "${OPS_PORT:-}" ] || echo "ops-1 $OPS_PORT" # likewise
    [ "${MONITORING:-0}" = 0 ] || echo "prometheus $PROMETHEUS_PORT"
    echo "edge $EDGE_PORT"
}

# Is process `name` on `port` ready to serve?
is_ready() {
    local name=$1 port=$2 quiet=(curl -fs -m 2 -o "/dev/null")
    case $name in
    mongo) "$dot/venv/bin/python" infra/local/mongo-init "$port" check ;;
    nats) "${quiet[@]}" "http://127.0.0.1:$NATS_MONITOR_PORT/healthz" ;;
    redis) [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ] ;;
    stripe) "${quiet[@]}" -u "$STRIPE_KEY:" "http://127.0.0.1:$port/v1/balance" ;;
    client-*) "${quiet[@]}" "http://127.0.0.1:$port/auth/signin" ;;
    prometheus) "${quiet[@]}" "http://127.0.0.1:$port/-/ready" ;;
    edge) curl -s -m 2 -o /dev/null "http://$(edge_host):$port/livez" ;; # with 404, but it does
    *) "${quiet[@]}" "http://127.0.0.1:$port/readyz" ;;
    esac
}

# Where to reach the edge from here: an address that means "all" is reached on loopback.
edge_host() {
    case $EDGE_ADDRESS in
    127.0.0.1 | 0.0.0.0) echo localhost ;;
    *) echo "$EDGE_ADDRESS" ;;
    esac
}

# Wait until each "name port" of standard input is ready, telling so; false after `seconds`, with
# the reason and the end of the log of the first one that is not.
wait_ready() {
    local deadline=$((SECONDS + $1)) left next line
    mapfile -t left
    while :; do
        next=()
        for line in "${left[@]}"; do
            # shellcheck disable=SC2086
            if is_ready $line; then
                printf ' %s' "${line%% *}"
            else
                next+=("$line")
            fi
        done
        left=("${next[@]}")
        [ ${#left[@]} = 0 ] && { echo; return 0; }
        [ $SECONDS -lt $deadline ] || break
        sleep 0.2
    done
    echo
    line=${left[0]}
    say "not ready: ${left[*]%% *}; the last lines of .local/log/${line%% *}.log:" >&2
    tail -n 8 "$dot/log/${line%% *}.log" >&2
    curl -s -m 2 "http://127.0.0.1:${line##* }/readyz" 2>/dev/null | head -c 500 >&2 || true
    return 1
}

# Our C files, each ended by a NUL: `c_files common orders` those below these folders, else all.
c_files() {
    find "${@:-.}" \( -path ./build -o -path ./.local -o -path ./client \) -prune -o \
        -name '*.[ch]' -print0 | sort -z
}
