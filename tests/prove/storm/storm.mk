# The kill loop and the checker of its histories (tests/prove/storm/main.c says what they are).

$(B)/bin/kill-loop: $(patsubst %.c,$(B)/%.o,$(wildcard tests/prove/storm/*.c)) \
                    $(B)/tests/bench/wire.o $(filter-out %/timeout.o,$(SUPPORT_OBJECTS)) \
                    $(B)/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(LDLIBS)

.PHONY: kill-loop
kill-loop: services ticketctl $(B)/bin/kill-loop

linearize := .local/bin/linearize
.PHONY: linearize
linearize: $(linearize)
$(linearize): $(wildcard tests/prove/linearize/*.go tests/prove/linearize/go.*)
	$(say) GO $@
	$(Q)PATH="$(CURDIR)/.local/bin:$$PATH" GOPATH="$(CURDIR)/.local/go" GOFLAGS=-modcacherw \
	    GOTOOLCHAIN=local CGO_ENABLED=0 go build -C tests/prove/linearize -o $(CURDIR)/$@ .
