# How the simulator is linked (tests/simulator/main.c says what it is and why so).
#
# A service's objects become one, whose only global names are its main(), called <service>_main, and
# the pure function that --break can spoil; calls of that go to mutable_<function> (mutants_*.c).
# Calls of threads, clocks and chance go to simulated_… (redirects.syms). In common.o all names are
# weak, so that the simulator's own stores and bus win over the real ones beside them.

CFLAGS_simulator  := -O2 -fsanitize=undefined -fno-sanitize-recover=undefined
LDFLAGS_simulator := -fsanitize=undefined

# A new service is simulated once it is named here and in process.c.
SIMULATED := auth tickets orders expiration payments
SPOILT_tickets  := ticket_follow_order
SPOILT_orders   := order_expire
SPOILT_payments := payment_next
REDIRECTS := tests/simulator/redirects.syms

define simulated
$(B)/simulated/$(1).o: $(call service_objects,$(1)) $(REDIRECTS) tests/simulator/simulator.mk
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)ld -r $(SPOILT_$(1):%=--wrap=%) -o $$@ $$(filter %.o,$$^)
	$$(Q)objcopy --redefine-syms=$(REDIRECTS) --redefine-sym main=$(1)_main \
	    $(foreach f,$(SPOILT_$(1)),--redefine-sym __wrap_$(f)=mutable_$(f)) $$@
	$$(Q)objcopy $(patsubst %,--keep-global-symbol=%,$(1)_main $(SPOILT_$(1))) $$@
endef
$(foreach s,$(SIMULATED),$(eval $(call simulated,$(s))))

$(B)/simulated/common.o: $(COMMON_OBJECTS) $(REDIRECTS) tests/simulator/simulator.mk
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)ld -r -o $@ $(filter %.o,$^)
	$(Q)nm --extern-only --defined-only --format=just-symbols $@ >$@.names
	$(Q)objcopy --weaken-symbols=$@.names --redefine-syms=$(REDIRECTS) $@

$(B)/bin/simulator: $(patsubst %.c,$(B)/%.o,$(wildcard tests/simulator/*.c)) \
                    $(SIMULATED:%=$(B)/simulated/%.o) $(B)/simulated/common.o
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A flavour of its own; $(MAKE) again, because the flavour is part of every path.
.PHONY: simulator
simulator:  ## build the simulator: build/simulator/bin/simulator --seconds 60
	@+$(MAKE) --no-print-directory FLAVOUR=simulator build/simulator/bin/simulator

# How long `make test` simulates: tests/scripts/simulator.
export SIMULATOR_SECONDS ?= $(if $(FILTER),5,60)
