# The system-call sweep (tests/prove/sweep/main.c says what it is).

$(B)/bin/sweep: $(patsubst %.c,$(B)/%.o,$(wildcard tests/prove/sweep/*.c)) \
                $(filter-out %/timeout.o,$(SUPPORT_OBJECTS)) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(LDLIBS)

.PHONY: sweep
sweep: services ticketctl $(B)/bin/sweep
