# One Makefile. `make help` prints what the targets are for; `make V=1` shows the commands.
#
# Objects live in build/<flavour>/ so that sanitizer builds never mix with others. A service is a
# folder with a main.c: nothing is registered anywhere else.

# MongoDB's driver leaves /dev/shm/mongoc-PID behind where a process is killed, and warns of it in the next
# one with that id, before anything of ours. It is for a tool of the driver's that nobody uses.
export MONGOC_DISABLE_SHM := 1

FLAVOUR  ?= release
B        := build/$(FLAVOUR)
SERVICES := $(patsubst %/main.c,%,$(wildcard */main.c))
SUITES   := $(filter-out support stories fuzz bench,$(patsubst tests/%/,%,$(dir $(wildcard tests/*/test_*.c))))
SUITES   := $(sort $(SUITES))

PACKAGES := libmongoc-1.0 jansson libmicrohttpd libcurl libsodium hiredis
CC       ?= gcc
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wswitch-enum -Wconversion -Werror
LIBCFLAGS := $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
CFLAGS   += -std=gnu17 -D_GNU_SOURCE -g -pthread $(WARN) -I. $(LIBCFLAGS) $(CFLAGS_$(FLAVOUR))
LDFLAGS  += -pthread $(LDFLAGS_$(FLAVOUR))
LDLIBS   += -lnats -ljwt $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm

CFLAGS_release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDFLAGS_release := -Wl,-z,relro,-z,now -Wl,--as-needed
CFLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS_asan   := -fsanitize=address,undefined
CFLAGS_tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
LDFLAGS_tsan   := -fsanitize=thread

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-5s %s\n'
endif

COMMON_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard common/*.c))
service_objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))

.PHONY: all
all: services ticketctl client  ## build it all (FLAVOUR=release|asan|tsan: of the C programs)

.PHONY: services ticketctl client
client:  ## build the web client into build/client, where it has changed
	@infra/local/build-client
services: $(foreach s,$(SERVICES),$(B)/bin/$(s))
ticketctl: $(if $(wildcard ticketctl/*.c),$(B)/bin/ticketctl)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(COMMON_OBJECTS)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

define program
$(B)/bin/$(1): $(call service_objects,$(1)) $(B)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach s,$(SERVICES) ticketctl,$(eval $(call program,$(s))))

# Tests: one Criterion binary a folder, in suites/ because tests/<folder>/ holds its objects.
# tests/<folder> is linked with that folder but the object that has its main.
SUPPORT_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
define suite
$(B)/suites/$(1): $(patsubst %.c,$(B)/%.o,$(wildcard tests/$(1)/*.c)) \
                  $(filter-out %/main.o %/ticketctl.o,$(if $(filter-out common,$(1)),$(call service_objects,$(1)))) \
                  $(SUPPORT_OBJECTS) $(B)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcriterion $$(LDLIBS)
endef
ALL_SUITES := $(SUITES) $(if $(wildcard tests/stories/*.c),stories)
$(foreach s,$(ALL_SUITES),$(eval $(call suite,$(s))))
# tests/scripts/, tests/client/ and tests/bad-input/ hold tests that are no C: SUITE=scripts … The
# latter two speak to whole systems, which test-stack runs for them.
SUITE ?= $(ALL_SUITES) scripts client bad-input
RUN_SUITES := $(foreach s,$(filter-out scripts client bad-input,$(SUITE)),$(B)/suites/$(s))
RUN_FILES := $(if $(filter scripts,$(SUITE)),$(wildcard tests/scripts/*)) \
             $(if $(filter client,$(SUITE)),$(wildcard tests/client/*.test.mjs \
                                                        tests/client/unit/*.test.ts)) \
             $(if $(filter bad-input,$(SUITE)),tests/bad-input/bad-input)

$(B)/bin/test-stack: $(patsubst %.c,$(B)/%.o,$(wildcard tests/stack/*.c)) \
                     $(filter-out %/timeout.o,$(SUPPORT_OBJECTS)) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(LDLIBS)
.PHONY: suites
suites: $(RUN_SUITES)

include tests/simulator/simulator.mk
include tests/fuzz/fuzz.mk
include tests/prove/prove.mk
include tests/prove/storm/storm.mk
include tests/prove/sweep/sweep.mk

# $(MAKE) again, because the flavour is part of every path above.
.PHONY: test run-suites
test:  ## build and run all tests under ASan and UBSan (SUITE=orders FILTER='order/*')
	@infra/local/setup test
	@+$(MAKE) --no-print-directory FLAVOUR=asan run-suites
run-suites: services ticketctl suites $(if $(filter client scripts,$(SUITE)),client) \
            $(if $(filter client bad-input scripts,$(SUITE)),$(B)/bin/test-stack) \
            $(if $(filter scripts,$(SUITE)),simulator fuzzers $(B)/bin/sweep)
	$(Q)FLAVOUR=$(FLAVOUR) tests/run $(if $(FILTER),--filter '$(FILTER)') $(TEST_OPTIONS) \
	    $(RUN_SUITES) $(RUN_FILES)
# A Criterion binary dies under TSan: the stories run as they are, the services under it, one at a
# time, as these are ten times slower and requests have a deadline.
.PHONY: test-tsan
test-tsan:  ## the stories with all services under ThreadSanitizer (FILTER='purchase/*')
	@+$(MAKE) --no-print-directory FLAVOUR=tsan services ticketctl
	@+$(MAKE) --no-print-directory FLAVOUR=asan SUITE=stories suites
	$(Q)FLAVOUR=tsan TEST_BIN=build/tsan/bin TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp \
	    tests/run --timeout 240 --jobs 1 $(if $(FILTER),--filter '$(FILTER)') $(TEST_OPTIONS) \
	    build/asan/suites/stories

# The local stack: scripts in infra/local/, each of which says at its top what it does.
.PHONY: setup setup-test up dev down status logs scale demo reset
setup:  ## bring what building and running need: Debian packages, tools in .local/
	@infra/local/setup
setup-test:  ## the same, with what tests and checks need (make test does it too)
	@infra/local/setup test
up:  ## build and start everything, in the background; prints where (RATE_LIMITS=off, EDGE_PORT=…, MONITORING=1)
	@infra/local/up
dev:  ## the same, and what is saved is built and started anew, within seconds
	@infra/local/dev
down:  ## stop everything; data stay
	@infra/local/down
status:  ## what runs, where, and whether it is ready
	@infra/local/status
logs:  ## follow the logs (SERVICE=orders: one service's)
	@infra/local/logs $(SERVICE)
scale:  ## run several of a service (SERVICE=orders N=3)
	@infra/local/scale '$(SERVICE)' '$(N)'
demo:  ## fill in demo data: 3 sellers, 40 tickets over 8 events (make up does it on first use)
	@infra/local/demo
reset:  ## stop everything and empty its data
	@infra/local/reset

.PHONY: chaos
chaos:  ## watch a storm of buyers while everything dies, and the auditor's verdict (SEED=4711)
	@infra/local/chaos '$(SEED)' '$(SECONDS)'

.PHONY: cluster
cluster:  ## three of everything in processes, of which each node dies in turn: what stalls, what is lost
	@infra/local/cluster '$(SEED)'

# The bench measures the running stack; it is no test (BENCH_ROUNDS, BENCH_SECONDS).
$(B)/bin/bench: $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.c)) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
.PHONY: bench
bench: $(B)/bin/bench  ## measure the running stack beside its limits (RATE_LIMITS=off make up)
	@infra/local/bench

# Checks: all that needs no stores. CHECKS names them; each is a script that can be run alone.
CHECKS := format layers banned scripts docs manifests alerts client mutants tidy
.PHONY: check $(CHECKS:%=check-%) check-debian13 check-apiserver
check: $(CHECKS:%=check-%)  ## format, layers, banned functions, scripts, documents, manifests, alerts, client, clang-tidy
check-docs check-manifests: services ticketctl # which say what they are
$(CHECKS:%=check-%):
	@FLAVOUR=$(FLAVOUR) infra/local/$@
.PHONY: print-CFLAGS
print-CFLAGS: # for check-tidy
	@echo '$(CFLAGS)'
check-apiserver:  ## would a cluster take the manifests? a real API server says (minutes, the first time)
	@infra/local/check-apiserver
check-debian13:  ## build and run the unit tests in a Debian 13 root (needs root)
	@infra/local/check-debian13

# Images: of the services, ops, the edge, the client, the local Stripe (infra/image/README.md).
.PHONY: images check-images
images:  ## build the images, with their sizes and SBOMs (BASES=debian: on bases made here; as root)
	@infra/local/setup images
	@infra/image/build
check-images:  ## run compose.yaml on them and buy a ticket (BASES=debian: with stand-in stores; as root)
	@infra/local/setup images
	@infra/image/try

.PHONY: new-service
new-service:  ## begin a service that builds and passes all checks (NAME=refunds)
	@infra/local/new-service '$(NAME)'

.PHONY: clean
clean:  ## remove build/
	rm -rf build client/.next

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/:.*  ## /\t/' | expand -t 18

-include $(shell find $(B) -name '*.d' 2>/dev/null)
