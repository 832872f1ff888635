# SPDX-License-Identifier: Apache-2.0
# The newcomer's front to meson: on a fresh Debian 12 or 13, `make run` and `make test` need nothing else.

BUILD ?= build
# DEPS=true skips the look for missing Debian packages.
DEPS ?= packaging/deps.sh
# What `make bench` passes on, for example BENCH="--quick" or BENCH="--only fanout --servers floor,musterd".
BENCH ?=
# What `make test-variants` passes on: --quick, and names of variants (tests/variants.py --help).
VARIANTS ?=
# Seconds per fuzz target.
FUZZ_SECONDS ?= 60

# A folder set up before libstrophe or libbpf were installed does not know them: look again.
set_up = test -e $(1)/build.ninja || meson setup $(2) $(1); \
	test -e $(1)/tests/e2e/strophe_client -a -e $(1)/bpf/verdict.skel.h || meson setup --reconfigure $(1)

.PHONY: help run demo-client build test test-variants test-guest bench asan tsan fuzz install clean

help:
	@echo "make run          build, make a certificate and two demo accounts, run the broker on loopback until Ctrl-C"
	@echo "make demo-client  beside 'make run': two clients add each other and change presence"
	@echo "make build        build everything into $(BUILD)/ (musterd, musterctl, tests)"
	@echo "make test         build and run every test that this machine can run"
	@echo "make test-variants  the same without capabilities, as another user, built without BPF, with programs that fail; VARIANTS=--quick: a minute or two"
	@echo "make test-guest   the suites under Debian's kernels 6.12 and 7.3 in qemu, TLS records by the kernel"
	@echo "make bench        compare with the floor, Prosody and ejabberd, an hour and a half; BENCH=--quick: minutes, --full: hours, --help: parts"
	@echo "make asan         the same with AddressSanitizer and UndefinedBehaviorSanitizer, each test once, in $(BUILD)-asan/"
	@echo "make tsan         what crosses threads, with ThreadSanitizer, in $(BUILD)-tsan/"
	@echo "make fuzz         run each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) seconds, in $(BUILD)-fuzz/"
	@echo "make install      install (DESTDIR= and PREFIX= are honoured)"
	@echo "make clean        remove the build folders; ./run stays"
	@echo "Missing Debian packages are installed first, as root or with sudo; DEPS=true skips that."

$(BUILD)/build.ninja:
	@$(DEPS) build
	meson setup $(BUILD)

run: $(BUILD)/build.ninja
	@$(DEPS) build
	@meson compile -C $(BUILD) musterd musterctl
	@packaging/run-demo.sh $(BUILD) run

demo-client:
	@$(DEPS) build test
	@/usr/bin/python3 tools/demo-client.py run/cert.pem

build: $(BUILD)/build.ninja
	@$(DEPS) build
	meson compile -C $(BUILD)

test:
	@$(DEPS) build test
	@$(call set_up,$(BUILD))
	meson compile -C $(BUILD)
	@python3 tests/run-tests.py $(BUILD)

# What is done without: capabilities, programs, both.
test-variants:
	@$(DEPS) build test
	@$(call set_up,$(BUILD))
	meson compile -C $(BUILD)
	@python3 tests/variants.py $(BUILD) $(VARIANTS)

# Prosody and ejabberd are Debian's; what cannot be installed is left out of the comparison.
bench:
	@$(DEPS) build
	@$(DEPS) bench || true
	@test -e $(BUILD)-bench/build.ninja || meson setup --buildtype=release -Dtests=disabled $(BUILD)-bench
	meson compile -C $(BUILD)-bench
	@packaging/bench/run.py --build $(BUILD)-bench --results $(BUILD)-bench/benchmarks.json $(if $(BENCH),$(BENCH),--out docs/benchmarks.md)

asan:
	@$(DEPS) build test
	@$(call set_up,$(BUILD)-asan,-Db_sanitize=address,undefined -Db_lundef=false)
	meson compile -C $(BUILD)-asan
	@UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 \
		python3 tests/run-tests.py $(BUILD)-asan --timeout-multiplier 3 --no-suite again

# The same daemon under Debian's own newer kernels, where TLS records are the kernel's work.
test-guest:
	@$(DEPS) build test guest
	@$(call set_up,$(BUILD))
	meson compile -C $(BUILD)
	@tests/guest/run.py --build $(BUILD)

# What crosses threads: the mailbox, the jobs, and every delivery between the accounts of 4 workers.
tsan:
	@$(DEPS) build test
	@$(call set_up,$(BUILD)-tsan,-Db_sanitize=thread -Db_lundef=false)
	meson compile -C $(BUILD)-tsan
	@TSAN_OPTIONS=halt_on_error=1 python3 tests/run-tests.py $(BUILD)-tsan --timeout-multiplier 3 --suite threads

fuzz:
	@$(DEPS) build fuzz
	@test -e $(BUILD)-fuzz/build.ninja || \
		CC=clang CFLAGS='-fsanitize=fuzzer-no-link -fno-sanitize-recover=all' meson setup -Dfuzz=true -Dtests=auto \
		-Db_sanitize=address,undefined -Db_lundef=false $(BUILD)-fuzz
	meson compile -C $(BUILD)-fuzz fuzz
	@tests/fuzz/run.sh $(BUILD)-fuzz $(FUZZ_SECONDS)

install: build
	$(if $(PREFIX),meson configure --prefix=$(PREFIX) $(BUILD))
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) $(BUILD)-bench $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-nobpf
