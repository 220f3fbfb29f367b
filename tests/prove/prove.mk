# The long tier, and the planted defects (tests/prove/all, tests/mutants/run say what they are).

.PHONY: prove
prove:  ## prove every promise for 45 minutes and note the figures (QUICK=1, SEED=1, MINUTES=20, ONLY=soak SECONDS=600)
	@infra/local/setup test
	@+$(MAKE) --no-print-directory FLAVOUR=release sweep kill-loop build/release/bin/test-stack
	@+$(MAKE) --no-print-directory FLAVOUR=asan services ticketctl suites build/asan/bin/test-stack
	@+$(if $(QUICK),,$(MAKE) --no-print-directory FLAVOUR=tsan services ticketctl)
	@+$(MAKE) --no-print-directory simulator
	@tests/prove/all $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) \
	    $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only $(ONLY))

.PHONY: drill
drill:  ## destroy each store of a system of its own and bring it back, replace each process (ONLY=mongo)
	@infra/local/setup chaos
	@+$(MAKE) --no-print-directory FLAVOUR=release services ticketctl build/release/bin/test-stack
	@tests/prove/drill $(if $(ONLY),--only $(ONLY))

.PHONY: mutants
mutants:  ## plant defects, one by one, and see each caught by the test that is named for it
	@infra/local/setup test
	@tests/mutants/run
