# How the fuzzers are linked (tests/fuzz/fuzz.h says what they are): with libFuzzer by clang in a
# flavour of their own, with replay.c in the others.

FUZZED := $(filter-out replay,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
CFLAGS_fuzz  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                -fno-sanitize-recover=undefined -Wno-sign-conversion # gcc, who rules, has it in C++ only
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
FUZZ_MAIN = $(if $(filter fuzz,$(FLAVOUR)),,$(B)/tests/fuzz/replay.o)

# A target that reaches into a source file holds all of it: that one's object stays away.
FUZZ_OBJECTS_search = $(filter-out %/main.o %/search.o,$(call service_objects,tickets))
define fuzzer
$(B)/fuzz/$(1): $(B)/tests/fuzz/$(1).o $(FUZZ_OBJECTS_$(1)) $(FUZZ_MAIN) $(B)/libcommon.a
	@mkdir -p $$(@D)
	$$(say) LD $$@
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach f,$(FUZZED),$(eval $(call fuzzer,$(f))))

.PHONY: fuzzers fuzz
fuzzers: $(FUZZED:%=$(B)/fuzz/%)
fuzz:  ## fuzz for a while, and keep what finds something (SECONDS=60 TARGET=session)
	@+$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang-14 fuzzers
	$(Q)tests/fuzz/fuzz '$(or $(SECONDS),60)' $(or $(TARGET),$(FUZZED))
