# SPDX-License-Identifier: Apache-2.0
#
# Builds Sonde into build/. `make help` lists what it can do; CONTRIBUTING.md says how to work with it.
#
#   bpf/**/NAME.bpf.c ─ clang ─ bpftool → build/sonde*.skel.h ────────┐
#   user/export/**/NAME.proto ─ protoc-c ─→ build/export/ ────────────┼→ build/libsonde.a ─→ build/sonde
#   user/**/NAME.c ───────────────────────────────────────────────────┘                   └→ build/tests/unit/…
#
# The object code for the kernel is linked into the daemon, so one file is all that gets installed.
# `make ARCH=arm64` on a machine of another architecture does the same below build/arm64/.

VERSION := 0.1.0

# --- what a caller may set: make CC=clang, make DEBUG=1, make ARCH=arm64, make WERROR= … ---

PREFIX  ?= /usr/local
DESTDIR ?=
CLANG   ?= clang
CFLAGS  ?= -O2 -g
WERROR  ?= -Werror
PYTHON  ?= /usr/bin/python3
SECONDS ?= 600
SUITE   ?= sid

# One name for each architecture, that of the folder below vmlinux/, whoever calls it what.
architecture = $(patsubst amd64,x86_64,$(patsubst aarch64,arm64,$(1)))
MACHINE := $(call architecture,$(shell uname -m))
ARCH ?= $(MACHINE)
override ARCH := $(call architecture,$(ARCH))

# What is built for another architecture has a folder of its own. Its libraries are those of the
# Debian that runs here, unpacked below build/ and never installed.
ifeq ($(ARCH),$(MACHINE))
BUILD   := build
VMLINUX ?= /sys/kernel/btf/vmlinux
else ifeq ($(ARCH),arm64)
BUILD   := build/arm64
VMLINUX ?= $(BUILD)/vmlinux.btf
SYSROOT := build/sysroot/arm64
TRIPLET := aarch64-linux-gnu
EMULATE := qemu-aarch64 -L $(SYSROOT)
else
$(error on $(MACHINE) there is no building for $(ARCH))
endif

# make itself presets CC to `cc` and AR to `ar`, so that `?=` would never get a word in.
ifeq ($(origin CC),default)
CC := $(TRIPLET:%=%-)gcc
endif
ifeq ($(origin AR),default)
AR := $(TRIPLET:%=%-)ar
endif

# Debian keeps it in /usr/sbin, which is not on the PATH of people.
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

# Variants differ in objects, not in what is generated, so only OUT moves.
# What makes a fault of memory harder to use: tests/integration/test_hardening.py looks for it in what
# was built. The sanitizers find the same and more.
HARDENING  = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	$(HARDENING_$(ARCH))
HARDENING_x86_64 := -fcf-protection=full
HARDENING_arm64  := -mbranch-protection=standard
# Said by hand, as Debian 12's start files of the C library do not say it of themselves.
ifeq ($(ARCH),x86_64)
SHADOW_STACK := -Wl,-z,shstk
endif

ifdef SANITIZE
OUT ?= $(BUILD)/sanitize
HARDENING  = -fstack-protector-strong
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
WERROR := # what the sanitizers insert makes gcc see dangers that are not in the source
else ifdef DEBUG
OUT ?= $(BUILD)/debug
CFLAGS := -Og -g3
else
OUT ?= $(BUILD)
endif

# All cores, unless this make was started by another one, which then deals out the jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

# `make V=1` shows the commands, otherwise one short line tells of each.
ifdef V
say = @:
else
say = @printf '  %-8s %s\n'
Q := @
endif

# --- sources ---

PROTO_SOURCES := $(sort $(wildcard user/export/*/*.proto))
USER_SOURCES  := $(sort $(wildcard user/*.c user/*/*.c user/*/*/*.c))
UNIT_SOURCES  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_SHARED   := $(sort $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c)))
FMT_SOURCES   := $(sort $(wildcard \
	bpf/*.[ch] bpf/*/*.[ch] bpf/*/*/*.[ch] user/*.[ch] user/*/*.[ch] user/*/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]))

BPF_SOURCES   := $(sort $(wildcard bpf/*/*.bpf.c bpf/*/*/*.bpf.c))
BPF_OBJECTS   := $(BUILD)/bpf/sonde.o $(BUILD)/bpf/sonde_tables.o
PROTO_HEADERS := $(PROTO_SOURCES:user/%.proto=$(BUILD)/%.pb-c.h)
PROTO_OBJECTS := $(PROTO_SOURCES:user/%.proto=$(OUT)/%.pb-c.o)
LIB_OBJECTS   := $(patsubst %.c,$(OUT)/%.o,$(filter-out user/main.c,$(USER_SOURCES))) $(PROTO_OBJECTS)
UNIT_TESTS    := $(UNIT_SOURCES:%.c=$(OUT)/%)
UNIT_OBJECTS  := $(UNIT_SHARED:%.c=$(OUT)/%.o)
FUZZ_TARGETS  := http exchange line dns dns_probe replay tls
GENERATED     := $(addprefix $(BUILD)/,sonde.skel.h sonde_tables.skel.h syscall_names.h version.h) $(PROTO_HEADERS)
LIBRARIES     := $(SYSROOT:=.packages)

# --- flags ---

# The kernel's types are a system header to clang: generated, so its warnings are nobody's work.
# Arguments of a hook are named up to the last one that a probe needs, hence unused parameters.
# Whatever folder it is built in, what is built is the same.
SAME_PATHS := -ffile-prefix-map=$(CURDIR)=.

BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Wno-unused-parameter $(WERROR) \
	-D__TARGET_ARCH_$(ARCH:x86_64=x86) -isystem vmlinux/$(ARCH) -Ibpf $(SAME_PATHS)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(WERROR)

# Asked when first needed, not when this file is read: `sudo make run` begins on a machine that has
# no pkg-config yet, and a make with nothing to do should not pay for it.
PACKAGES := libbpf libelf zlib libprotobuf-c libmicrohttpd libcurl yaml-0.1 libseccomp jansson
LINKED   := $(filter-out libcurl,$(PACKAGES)) # loaded when wanted: user/base/curl_api.h
packages_cflags = $(eval packages_cflags := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(packages_cflags)
packages_libs   = $(eval packages_libs := $$(shell $(PKG_CONFIG) --libs $(LINKED)))$(packages_libs)

ifdef SYSROOT
TARGET_FLAGS := --sysroot=$(SYSROOT)
PKG_CONFIG   := PKG_CONFIG_PATH= PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
else
PKG_CONFIG   := pkg-config
endif

USER_CFLAGS = -std=c17 -D_GNU_SOURCE -pthread -fPIE $(HARDENING) $(TARGET_FLAGS) $(CFLAGS) $(SAME_PATHS) \
	-Iuser -Ibpf -I$(BUILD) $(packages_cflags)
USER_LDFLAGS = $(TARGET_FLAGS) $(CFLAGS) $(LDFLAGS) -pthread -pie -Wl,--as-needed \
	-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack $(SHADOW_STACK)
USER_LIBS = $(packages_libs) -lm

# --- the daemon ---

.PHONY: all
all: $(OUT)/sonde build/sonde.yaml ## build (the default); CC=clang, DEBUG=1, SANITIZE=1, ARCH=arm64 and V=1 are understood

$(OUT)/sonde: $(OUT)/user/main.o $(OUT)/libsonde.a
	$(say) LINK $@
	$(Q)$(CC) $(USER_LDFLAGS) $^ $(USER_LIBS) -o $@

# Everything but main(), so that unit tests link the very objects that run.
$(OUT)/libsonde.a: $(LIB_OBJECTS) $(OUT)/objects.list
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIB_OBJECTS)

# The generated headers are order-only: they must exist for the first compile, and from then on
# the dependency file knows who includes them.
$(OUT)/%.o: %.c $(OUT)/flags | $(GENERATED) $(LIBRARIES)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(WARNINGS) -MMD -MP -c $< -o $@

# What a generator wrote is compiled as it is.
$(OUT)/export/%.pb-c.o: $(BUILD)/export/%.pb-c.h $(OUT)/flags | $(GENERATED) $(LIBRARIES)
	$(say) CC $(<:.h=.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -w -c $(<:.h=.c) -o $@

# --- what is generated ---

# The probes are built twice: sonde_tables keeps all in tables; see bpf/core/kept.bpf.h.
$(BUILD)/bpf/sonde_tables.o: BPF_CFLAGS += -DSONDE_TABLES
$(BUILD)/bpf/sonde.o $(BUILD)/bpf/sonde_tables.o: bpf/sonde.bpf.c vmlinux/$(ARCH)/vmlinux.h $(BUILD)/bpf/probes.h
	$(say) CLANG $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -I$(BUILD)/bpf -MMD -MP -c $< -o $@

# Without what is for debuggers.
$(BUILD)/%.bpf.o: $(BUILD)/bpf/%.o
	$(say) GEN $@
	$(Q)$(BPFTOOL) gen object $@ $<

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(say) GEN $@
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

# The .c comes along with the .h.
$(BUILD)/export/%.pb-c.h: user/export/%.proto
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=user --c_out=$(BUILD) $<

# Lines SYSCALL_NAME(0, "read") for this architecture, to be included inside an array. Two passes
# through the preprocessor, because some architectures define one number by another.
$(BUILD)/syscall_names.h: Makefile | $(LIBRARIES)
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include <asm/unistd.h>'; \
	echo '#include <asm/unistd.h>' | $(CC) $(TARGET_FLAGS) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z_][a-z0-9_]*\) .*/SYSCALL_NAME(__NR_\1, "\1")/p' | \
		grep -v -e '"syscalls"' -e '"arch_specific_syscall"'; } | \
		$(CC) $(TARGET_FLAGS) -E -P - | grep '^SYSCALL_NAME([0-9]' | sort -t'(' -k2n > $@

# The configuration that is installed, in which the list of sources is that of user/record/sources.h.
# It is the same for each architecture.
build/sonde.yaml: deploy/sonde.yaml.in user/record/sources.h Makefile | $(LIBRARIES)
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)printf '#include "record/sources.h"\nSWITCHED_SOURCES(ROW)\n' | \
		$(CC) $(TARGET_FLAGS) -E -P -Iuser -Ibpf - | sed 's/ROW(SOURCE_/\n/g' | \
		sed -n 's/^[A-Z_]*, [a-z_]*, "\([^"]*\)", "\([^"]*\)", .*/#\1: true # \2/p' > $@.sources
	$(Q)sed -e '/^@SOURCES@$$/{r $@.sources' -e 'd}' $< > $@ && rm $@.sources

# The libraries of another architecture, which packages.py leaves alone if they are there.
build/sysroot/%.packages: Makefile deploy/packages.py
	$(say) UNPACK $(@:.packages=)
	$(Q)deploy/packages.py $* $(@:.packages=) libc6-dev libbpf-dev libelf-dev zlib1g-dev \
		libprotobuf-c-dev libmicrohttpd-dev libcurl4-openssl-dev libyaml-dev libseccomp-dev \
		libjansson-dev uthash-dev libcmocka-dev liburing-dev

# Changes only when what it says changes, so that not every make compiles those who include it.
# `git status` without its optional lock, where `git describe --dirty` would write the index: under
# sudo that leaves one that only root can write.
$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@revision=$$(git describe --always --tags 2>/dev/null || echo $(VERSION)); \
	test -z "$$(GIT_OPTIONAL_LOCKS=0 git status --porcelain -uno 2>/dev/null)" || \
		revision=$$revision-dirty; \
	printf '#define %s "%s"\n' SONDE_VERSION $(VERSION) SONDE_REVISION "$$revision" > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# A change of compiler or flags compiles again; a source that was removed leaves the archive.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(HARDENING) $(CFLAGS) $(SAME_PATHS) $(WARNINGS)' | cmp -s - $@ || \
		echo '$(CC) $(HARDENING) $(CFLAGS) $(SAME_PATHS) $(WARNINGS)' > $@
$(OUT)/objects.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJECTS)' | cmp -s - $@ || echo '$(LIB_OBJECTS)' > $@
# What bpf/sonde.bpf.c is made of.
$(BUILD)/bpf/probes.h: FORCE
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(BPF_SOURCES:bpf/%=%) | cmp -s - $@ || \
		printf '#include "%s"\n' $(BPF_SOURCES:bpf/%=%) > $@

.PHONY: FORCE
FORCE:

-include $(BPF_OBJECTS:.o=.d) $(LIB_OBJECTS:.o=.d) $(OUT)/user/main.d
-include $(UNIT_TESTS:=.d) $(UNIT_OBJECTS:.o=.d) $(wildcard $(OUT)/tests/bench/*.d)

# --- run ---

# Files that root made under sudo go back to whom the tree belongs, or their next `make` fails.
give_back = if [ -n "$$SUDO_UID" ]; then \
	find build ! -uid "$$SUDO_UID" -exec chown -h "$$SUDO_UID:$$SUDO_GID" {} +; fi

# `exec` leaves no shell between make and the daemon that signals would have to get past.
.PHONY: run
run: ## install what is missing, build, run in the foreground (sudo make run ARGS="--quiet")
	@deploy/setup.sh build
	@$(MAKE) all
	@$(give_back)
	@exec $(OUT)/sonde run $(ARGS)

# --- tests ---

# One after the other and cheapest first; pytest's closing line stays the last.
.PHONY: test
test: ## install what is missing and run every test (sudo make test)
	@deploy/setup.sh build test arm64 kernels deb
	@status=0; { $(MAKE) all && $(MAKE) unit && $(MAKE) sanitize && $(MAKE) clang && $(MAKE) cross && \
		$(MAKE) fmt-check && $(MAKE) layers && $(MAKE) subjects && $(MAKE) fuzz-check && $(MAKE) test-kernels && $(MAKE) torture-check && \
		$(MAKE) integration; } || \
		status=$$?; $(give_back); exit $$status

# qemu-user makes up /proc/self/stat, which the first one reads, and gives zeros there. The second
# one's scraper, emulated, is as slow as the crowd that it must outrun.
ifdef EMULATE
UNIT_SKIPPED := $(addprefix $(OUT)/tests/unit/,test_self test_listener_crowd)
endif

# Only what fails is worth reading; a test that hangs has its name on the line.
define unit_test
if timeout $(if $(EMULATE),600,120) $(EMULATE) "$$0" > "$$0.log" 2>&1; then \
	printf "  TEST     %s: %s\n" "$$0" "$$(sed -n "s/^\[  PASSED  \] //p" "$$0.log")"; \
else \
	printf "  TEST     %s: FAILED\n%s\n" "$$0" "$$(cat "$$0.log")"; exit 1; \
fi
endef

.PHONY: unit
unit: $(UNIT_TESTS) | build/sonde.yaml ## unit tests, one on each CPU
	@printf '%s\n' $(filter-out $(UNIT_SKIPPED),$^) | xargs -P $$(nproc) -I '{}' sh -c '$(unit_test)' '{}' || \
		{ echo 'unit tests failed: look for FAILED above'; exit 1; }

$(UNIT_TESTS): $(OUT)/%: %.c $(UNIT_OBJECTS) $(OUT)/libsonde.a
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -Itests/unit $(WARNINGS) -MMD -MP -MF $@.d $< $(UNIT_OBJECTS) \
		$(OUT)/libsonde.a $(USER_LDFLAGS) $(USER_LIBS) -lcmocka -o $@

.PHONY: sanitize
sanitize: ## unit tests under the address and undefined behaviour sanitizers
	@$(MAKE) SANITIZE=1 unit

.PHONY: clang
clang: ## build everything with clang, whose warnings differ from gcc's
	@$(MAKE) CC=clang OUT=build/clang all unit-build

.PHONY: cross
cross: ## build for arm64 and run that architecture's unit tests under qemu-user
	@$(MAKE) ARCH=arm64 all unit

.PHONY: layers
layers: ## no folder of user/ includes what is above it
	@tests/layers.py

.PHONY: subjects
subjects: ## subjects of commits are short, and imperative
	@tests/subjects.py

.PHONY: unit-build
unit-build: $(UNIT_TESTS)

# Python's and pytest's caches go to build/ as well, where they are given back and cleaned. $(1) is
# what pytest takes where PYTEST_ARGS has no path.
define run_pytest
	@status=0; PYTHONPYCACHEPREFIX=$(CURDIR)/build/pycache \
		$(PYTHON) -m pytest -o cache_dir=$(CURDIR)/build/pytest -o testpaths=$(1) \
		--rootdir=$(CURDIR) $(PYTEST_ARGS) || status=$$?; \
	$(give_back); exit $$status
endef

.PHONY: integration
integration: all ## tests against real programs on this kernel (as root; PYTEST_ARGS="-k nginx")
	$(call run_pytest,tests/integration)

.PHONY: torture torture-check
torture: export TORTURE_SECONDS = 30
torture: export CHURN_SECONDS = 1200
torture: all ## hostile neighbours, under the sanitizers, and 20 minutes of all of them at once (as root)
	@$(MAKE) SANITIZE=1 all
	$(call run_pytest,tests/torture)
torture-check: all ## each of them for seconds, and all at once for a minute
	@$(MAKE) SANITIZE=1 all
	$(call run_pytest,tests/torture)

# Probes run here as plain C under clang's sanitizers: tests/fuzz/harness/bpf/ stands in for libbpf's
# headers. The probes load eight bytes from wherever they begin, which BPF is free to do.
FUZZ_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow \
	-fno-sanitize=alignment -fno-sanitize-recover=all

# What the probes of all protocols are tried with, and what the targets of HTTP add to that.
FUZZ_HARNESS := $(patsubst %,build/fuzz/%.o,harness/probe harness/kernel harness/harness \
	user/record/record_check user/record/record_types)
FUZZ_HTTP    := $(patsubst %,build/fuzz/http1/%.o,reference run dialogue)

build/fuzz/harness/probe.o: tests/fuzz/harness/probe.c
	$(say) CLANG $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(filter-out -target bpf -mcpu=v3 -O2,$(BPF_CFLAGS)) -Itests/fuzz/harness \
		-Itests/fuzz -DBPF_NO_PRESERVE_ACCESS_INDEX -MMD -MP -c $< -o $@

# What is no part of Sonde is not to be explored.
build/fuzz/harness/kernel.o build/fuzz/harness/harness.o: FUZZ_CFLAGS += -fno-sanitize=fuzzer-no-link

build/fuzz/%.o: tests/fuzz/%.c
	$(say) CLANG $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -std=c17 -D_GNU_SOURCE $(WARNINGS) -Iuser -Ibpf -Itests/fuzz \
		-MMD -MP -c $< -o $@

build/fuzz/http1.o: user/protocol/http/http1.c
build/fuzz/dns.o: user/protocol/dns/dns.c
build/fuzz/http1.o build/fuzz/dns.o:
	$(say) CLANG $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -std=c17 -D_GNU_SOURCE $(WARNINGS) -Iuser -Ibpf -MMD -MP -c $< -o $@

# The daemon without its main(), for a target that goes through all of it.
FUZZ_DAEMON := $(patsubst user/%.c,build/fuzz/user/%.o,$(filter-out user/main.c,$(USER_SOURCES)))

$(FUZZ_DAEMON): build/fuzz/user/%.o: user/%.c | $(GENERATED)
	$(say) CLANG $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(USER_CFLAGS) -O1 $(WARNINGS) -MMD -MP -c $< -o $@

build/fuzz/user/export/%.pb-c.o: $(BUILD)/export/%.pb-c.h
	$(say) CLANG $(<:.h=.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(USER_CFLAGS) -O1 -w -c $(<:.h=.c) -o $@

build/fuzz/daemon.a: $(FUZZ_DAEMON) $(PROTO_SOURCES:user/%.proto=build/fuzz/user/%.pb-c.o)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

build/fuzz/fuzz_replay.o: FUZZ_CFLAGS += -I$(BUILD)
build/fuzz/fuzz_replay.o: | $(GENERATED)
build/fuzz/replay: build/fuzz/daemon.a
build/fuzz/replay: FUZZ_LIBS = $(USER_LIBS)
build/fuzz/http build/fuzz/exchange: $(FUZZ_HARNESS) $(FUZZ_HTTP)
build/fuzz/dns_probe: $(FUZZ_HARNESS)
build/fuzz/line: build/fuzz/http1.o
build/fuzz/dns: build/fuzz/dns.o
build/fuzz/tls: $(patsubst %,build/fuzz/user/tls/%.o,instruction x86_64 arm64 probe_plan elf_file tls_library)
build/fuzz/tls: FUZZ_LIBS = -lelf
$(FUZZ_TARGETS:%=build/fuzz/%): build/fuzz/%: build/fuzz/fuzz_%.o
	$(say) LINK $@
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(filter %.o,$^) $(filter %.a,$^) $(FUZZ_LIBS) -o $@

-include $(wildcard build/fuzz/*.d build/fuzz/harness/*.d build/fuzz/http1/*.d build/fuzz/user/*.d build/fuzz/user/*/*.d build/fuzz/user/*/*/*.d)

# All targets side by side, each with $(1) and the inputs that it knows; new ones go to folder $(2).
define fuzz_run
	@failed=; for name in $(FUZZ_TARGETS); do \
		mkdir -p $(2)/$$name; \
		build/fuzz/$$name $(1) -dict=tests/fuzz/http.dict -max_len=4096 -timeout=10 \
			-artifact_prefix=build/fuzz/$$name- $(2)/$$name tests/fuzz/corpus/$$name \
			> build/fuzz/$$name.log 2>&1 & jobs="$$jobs $$name:$$!"; \
	done; \
	for job in $$jobs; do \
		printf '  FUZZ     %s: ' $${job%:*}; \
		if wait $${job#*:}; then \
			tail -n 1 build/fuzz/$${job%:*}.log; \
		else \
			echo 'FAILED'; grep -v '^#[0-9]' build/fuzz/$${job%:*}.log; failed=1; \
		fi; \
	done; \
	test -z "$$failed"
endef

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS:%=build/fuzz/%) ## fuzz the probes and the parsers, for SECONDS=600
	$(call fuzz_run,-max_total_time=$(SECONDS),build/fuzz/corpus)

# By the number of runs and from a fixed seed, so it does the same each time.
.PHONY: fuzz-check
fuzz-check: $(FUZZ_TARGETS:%=build/fuzz/%) ## the same, for seconds
	@rm -rf build/fuzz/check
	$(call fuzz_run,-runs=3000 -seed=1,build/fuzz/check)

.PHONY: test-kernels
test-kernels: ## run Sonde on other kernels under QEMU (sudo make test-kernels KERNELS=6.12)
	@deploy/setup.sh build arm64 kernels
	@status=0; { $(MAKE) all && $(MAKE) ARCH=arm64 all && tests/kernels/run $(KERNELS); } || \
		status=$$?; \
	$(give_back); exit $$status

# What a benchmark calls directly.
BENCH_PROGRAMS := $(OUT)/tests/bench/otlp_spans

$(BENCH_PROGRAMS): $(OUT)/%: %.c $(OUT)/libsonde.a
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(WARNINGS) -MMD -MP -MF $@.d $< $(OUT)/libsonde.a $(USER_LDFLAGS) \
		$(USER_LIBS) -o $@

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)

.PHONY: bench
bench: ## measure what Sonde costs on this machine (sudo make bench)
	@deploy/setup.sh build test
	@$(MAKE) all bench-programs
	@$(give_back)
	@tests/bench/run

# --- the container image ---

# One image for each architecture that can be built here. What it is made of is fetched once, into
# build/image/packages, which `make clean` removes.
IMAGE_x86_64 := amd64=build/sonde arm64=build/arm64/sonde
IMAGE_arm64  := arm64=build/sonde

.PHONY: image
image: ## make build/image/sonde.tar, an OCI image for amd64 and arm64 with its SBOMs, the same each time
	@deploy/setup.sh build arm64
	@status=0; { $(MAKE) all && { test $(MACHINE) != x86_64 || $(MAKE) ARCH=arm64 all; } && \
		$(PYTHON) deploy/image/build.py $(VERSION) \
			"$$(sed -n 's/^#define SONDE_REVISION "\(.*\)"/\1/p' build/version.h)" $(IMAGE_$(MACHINE)); } || \
		status=$$?; $(give_back); exit $$status

# Of the first time, most is the building of Kubernetes; what is built stays in build/kubernetes.
KUBERNETES_PYTEST = env PYTHONPYCACHEPREFIX=$(CURDIR)/build/pycache $(PYTHON) -m pytest -q \
	-o cache_dir=$(CURDIR)/build/pytest --rootdir=$(CURDIR) $(PYTEST_ARGS)

.PHONY: test-kubernetes
test-kubernetes: ## image, chart and manifests in a real node (as root; 3 minutes, the first time some 25)
	@deploy/setup.sh build test arm64 kubernetes
	@status=0; { $(MAKE) image && tests/kubernetes/cluster/setup && \
		$(KUBERNETES_PYTEST) tests/kubernetes/test_manifests.py && \
		tests/kubernetes/cluster/run $(KUBERNETES_PYTEST) --basetemp=build/kubernetes/run \
			tests/kubernetes/cluster; } || \
		status=$$?; $(give_back); exit $$status

# --- upkeep ---

.PHONY: fmt
fmt: ## format the C sources
	clang-format -i $(FMT_SOURCES)

# Another release of clang-format breaks lines elsewhere, so only the one of Debian 12 is asked.
.PHONY: fmt-check
fmt-check: ## check the format
	@if clang-format --version | grep -q 'version 14\.'; then \
		clang-format --dry-run --Werror $(FMT_SOURCES); \
	else echo 'fmt-check: skipped, the format is that of clang-format 14'; fi

.PHONY: vmlinux
vmlinux: $(VMLINUX) ## regenerate vmlinux/ARCH/vmlinux.h from VMLINUX=/sys/kernel/btf/vmlinux
	mkdir -p $(BUILD) vmlinux/$(ARCH)
	$(BPFTOOL) btf dump file $(VMLINUX) format c > $(BUILD)/vmlinux.h
	mv $(BUILD)/vmlinux.h vmlinux/$(ARCH)/vmlinux.h

.PHONY: unicode
unicode: ## regenerate user/base/unicode_ranges.h from the tables of PYTHON
	user/base/unicode_ranges.py > user/base/unicode_ranges.h
	clang-format -i user/base/unicode_ranges.h

# Where no kernel of the architecture runs: that of Debian's suite SUITE.
build/arm64/vmlinux.btf: FORCE
	vmlinux/debian_btf.py $(SUITE) $@

# Pages for man(1), of what the program says of itself.
MAN_PAGES := $(OUT)/man/sonde.8 $(OUT)/man/sonde.yaml.5

$(MAN_PAGES): $(OUT)/man/%: deploy/man/%.in deploy/man/make $(OUT)/sonde
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)$(EMULATE) $(OUT)/sonde run --help | deploy/man/make $< > $@

# What `make install` brings, but for the configuration: one that is there belongs to whoever wrote it.
INSTALLED := $(addprefix $(DESTDIR)$(PREFIX)/,bin/sonde lib/systemd/system/sonde.service \
	lib/sysusers.d/sonde.conf share/man/man8/sonde.8 share/man/man5/sonde.yaml.5) \
	$(DESTDIR)/etc/logrotate.d/sonde

.PHONY: install
install: all $(MAN_PAGES) ## install below PREFIX=/usr/local, and into /etc (DESTDIR is understood)
	install -d $(sort $(dir $(INSTALLED)))
	install -m 755 $(OUT)/sonde $(DESTDIR)$(PREFIX)/bin/sonde
	sed 's|/usr/local|$(PREFIX)|' deploy/systemd/sonde.service > \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/sonde.service
	install -m 644 deploy/systemd/sonde.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/sonde.conf
	install -m 644 $(OUT)/man/sonde.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(OUT)/man/sonde.yaml.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 deploy/logrotate/sonde $(DESTDIR)/etc/logrotate.d/sonde
	test -e $(DESTDIR)/etc/sonde/sonde.yaml || \
		install -D -m 644 build/sonde.yaml $(DESTDIR)/etc/sonde/sonde.yaml
	@$(give_back)

.PHONY: uninstall
uninstall: ## remove what install put there, but for a configuration that was changed
	rm -f $(INSTALLED)
	if cmp -s build/sonde.yaml $(DESTDIR)/etc/sonde/sonde.yaml; then \
		rm $(DESTDIR)/etc/sonde/sonde.yaml && rmdir $(DESTDIR)/etc/sonde; fi

# What is packed is what was built, so a package costs no second compilation. Before a release it has
# the time of its commit behind the version, and `~`, which sorts before the version itself.
deb_version = $(VERSION)$(shell test -n "$$(git tag --points-at HEAD 2>/dev/null)" || \
	TZ=UTC git log -1 --date=format-local:%Y%m%d.%H%M%S --format='~git%cd.%h' 2>/dev/null)
deb_date = $(shell git log -1 --format=%cD 2>/dev/null || date -R)

.PHONY: deb
deb: all ## build/deb/sonde_VERSION_ARCH.deb, for this release of Debian (deploy/setup.sh build deb)
	@rm -rf build/deb && mkdir -p build/deb/sonde
	@cp -r deploy/debian build/deb/sonde/debian
	@printf 'sonde (%s) unstable; urgency=medium\n\n  * See the history of the repository.\n\n -- %s  %s\n' \
		'$(deb_version)' "$$(sed -n 's/^Maintainer: //p' deploy/debian/control)" '$(deb_date)' \
		> build/deb/sonde/debian/changelog
	@cd build/deb/sonde && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b --no-sign > ../log 2>&1 || \
		{ cat ../log; exit 1; }
	@ls build/deb/*.deb
	@$(give_back)

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1\t\2/p' Makefile | expand -t 14
