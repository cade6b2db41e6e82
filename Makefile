# slm: builds with GNU make and a C11 compiler; `make help` lists what can be asked for.
.DEFAULT_GOAL := all
MODE    ?= release
CC      ?= cc
AR      ?= ar
LD      ?= ld
OBJCOPY ?= objcopy
CROSS   ?=
RUN     ?=
ONLY    ?=
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?=

ifneq ($(CROSS),)
  CC := $(CROSS)gcc
  AR := $(CROSS)ar
  LD := $(CROSS)ld
  OBJCOPY := $(CROSS)objcopy
endif

O := build/$(MODE)$(if $(CROSS),-$(CROSS:-=))

# -ffp-contract=off: a product and a sum are fused only where the source says fma, so that every
# instruction set and compiler gives the same bits.  Never -ffast-math: masks are -inf.
WARN   := -Wall -Wextra -Wshadow -Wvla -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
          -Wmissing-prototypes $(if $(WERROR),-Werror)
CFLAGS ?= -O3
SLM_CFLAGS := -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-strict-aliasing \
              -fvisibility=hidden -pthread $(WARN)
LIBS   := -lm -pthread

ifeq ($(MODE),debug)
  CFLAGS := -O0 -g
else ifeq ($(MODE),asan)
  CFLAGS := -O1 -g -fno-omit-frame-pointer
  SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(MODE),ubsan)
  CFLAGS := -O1 -g
  SANITIZE := -fsanitize=undefined -fno-sanitize-recover=all
else ifeq ($(MODE),tsan)
  CFLAGS := -O1 -g
  SANITIZE := -fsanitize=thread
else ifeq ($(MODE),fuzz)
  CFLAGS := -O1 -g -fno-omit-frame-pointer
  SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else ifeq ($(MODE),coverage)
  CFLAGS := -O0 -g --coverage -fprofile-update=atomic -DSLM_COVERAGE
else ifneq ($(MODE),release)
  $(error MODE is one of release debug asan ubsan tsan fuzz coverage)
endif
SLM_CFLAGS += $(SANITIZE)

# What makes a fault hard to use (scripts/check_hardening.sh looks whether it holds); HARDEN= leaves it out.
ifeq ($(shell uname -s),Linux)
  HARDEN ?= 1
  ifneq ($(HARDEN),)
    SLM_CFLAGS += -fPIE -fstack-protector-strong
    LIBS += $(if $(filter -static,$(LDFLAGS) $(CFLAGS)),,-pie) -Wl,-z,relro,-z,now,-z,noexecstack
    ifneq ($(and $(filter release,$(MODE)),$(filter -O1 -O2 -O3 -Os,$(CFLAGS))),)
      SLM_CFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    endif
  endif
  # Faults at the k-th call (tests/fault.h).
  comma := ,
  WRAP = $(foreach f,malloc calloc realloc pthread_create read write fsync sync_file_range close linkat rename $(addsuffix $(WIDE),mmap open fopen fstat mkstemp),-Wl$(comma)--wrap=$(f))
  $(O)/tests/fault.o: SLM_CFLAGS += -DSLM_FAULTS
endif
ifneq ($(OPENMP),)
  SLM_CFLAGS += -fopenmp -DSLM_OPENMP
  LIBS += -fopenmp
  O := $(O)-openmp
endif

# The model inside the program: BUILTIN=FILE, or BUILTIN= for none.
BUILTIN ?= $(firstword $(wildcard models/*.gguf))

ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
ENGINE := $(wildcard src/*.c src/kernels/*.c)
ifneq ($(ARCH),x86_64)
  ENGINE := $(filter-out src/kernels/avx% src/kernels/amx%,$(ENGINE))
endif
ifeq ($(filter aarch64 arm64,$(ARCH)),)
  ENGINE := $(filter-out src/kernels/neon%,$(ENGINE))
endif
# Processors of 32 bits: files above 2 GiB, by calls of other names; and sums of floats that are those of 32 and 64 bits.
WIDE := $(if $(filter arm armv% i%86,$(ARCH)),64)
SLM_CFLAGS += $(if $(WIDE),-D_FILE_OFFSET_BITS=64) $(if $(filter i%86,$(ARCH)),-msse2 -mfpmath=sse)
# Each instruction set is one file with its own flags; kernels.c chooses at run time.
$(O)/src/kernels/avx2.o: SLM_CFLAGS += -mavx2 -mfma -mf16c
$(O)/src/kernels/avxvnni.o: SLM_CFLAGS += -mavx2 -mfma -mf16c -mavxvnni
VNNI512 := -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512vnni
$(O)/src/kernels/avx512vnni.o: SLM_CFLAGS += $(VNNI512)
$(O)/src/kernels/avx512bf16.o: SLM_CFLAGS += $(VNNI512) -mavx512bf16
$(O)/src/kernels/amx.o: SLM_CFLAGS += $(VNNI512) -mavx512bf16 -mamx-tile -mamx-int8 -mamx-bf16
ifeq ($(ARCH),x86_64)
  $(O)/tests/amx_emulated.o $(O)/tests/tiles.o: SLM_CFLAGS += $(VNNI512) -mavx512bf16
  $(O)/tests/tiles.o: CFLAGS += -O3 -fno-sanitize=all
endif
# Their schedulers move loads ahead until registers do not suffice.
NEON := $(if $(filter aarch64 arm64,$(ARCH)),$(shell $(CC) --version | grep -q clang && echo -mllvm -enable-misched=false || echo -fno-schedule-insns))
$(O)/src/kernels/neon.o: SLM_CFLAGS += $(NEON)
$(O)/src/kernels/neon_dotprod.o: SLM_CFLAGS += $(NEON) -march=armv8.2-a+dotprod
$(O)/src/kernels/neon_i8mm.o: SLM_CFLAGS += $(NEON) -march=armv8.2-a+dotprod+i8mm

ifneq ($(BUILTIN),)
$(O)/src/builtin.o: SLM_CFLAGS += -DSLM_BUILTIN_FILE='"$(abspath $(BUILTIN))"'
endif
$(O)/src/builtin.o: $(BUILTIN) $(O)/builtin.name
# Changes when another file, or none, is asked for.
$(O)/builtin.name: FORCE
	@mkdir -p $(@D)
	@echo '$(abspath $(BUILTIN))' | cmp -s - $@ || echo '$(abspath $(BUILTIN))' > $@

CLI   := $(wildcard src/cli/*.c)
TESTS := $(wildcard tests/*.c) $(filter-out tests/fuzz/fuzz_entry.c,$(wildcard tests/fuzz/*.c))
# What the tests call of the command line: everything; its main() by another name.
CLI_CALLED := $(filter-out src/cli/main.c,$(CLI))
obj = $(patsubst %.c,$(O)/%.o,$(1))

.PHONY: all slm demo test check-all check-static fuzz coverage lib install clean help check-layers check-names check-hardening FORCE
# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1) $@')
all: slm

# ./slm is the program of the mode that was asked for last.
slm: $(O)/slm
	@cmp -s $< $@ || cp -f $< $@
$(O)/slm: $(call obj,$(CLI)) $(O)/libslm.a
	$(call say,LD)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(O)/libslm.a: $(call obj,$(ENGINE))
	@rm -f $@
	$(call say,AR)
	$(Q)$(AR) rcs $@ $^
$(O)/run-tests: $(call obj,$(TESTS) $(CLI_CALLED)) $(O)/tests/slm_main.o $(O)/libslm.a
	$(call say,LD)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS)
# The program, in which the k-th call can fail: for tests/cli/faults.sh.
$(O)/slm-fault: $(call obj,$(CLI) tests/fault.c) $(O)/libslm.a
	$(call say,LD)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS)
$(O)/tests/slm_main.o: src/cli/main.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) $(CPPFLAGS) -Dmain=slm_main -Wno-missing-prototypes -MMD -MP -c -o $@ $<
$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<
-include $(patsubst %.o,%.d,$(call obj,$(ENGINE) $(CLI) $(TESTS)) $(O)/tests/slm_main.o)

# A client sees slm.h's functions only: one object, whose other names (err_set, dict_get, eval ..) are
# made local, so that they cannot clash with the client's.  Where there is no objcopy they stay.
$(O)/public/libslm.a: $(call obj,$(ENGINE))
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)
	$(Q)if command -v $(OBJCOPY) > /dev/null; then \
	    $(LD) -r -o $(@D)/slm.o $^ && $(OBJCOPY) --localize-hidden $(@D)/slm.o && $(AR) rcs $@ $(@D)/slm.o; \
	else $(AR) rcs $@ $^; fi
lib: $(O)/public/libslm.a
	@cp -f $< libslm.a

# The example in slm.h's comment is a program; it is cut out, compiled and run.
$(O)/example.c: include/slm.h Makefile
	@mkdir -p $(@D)
	@sed -n '/A whole program/,/Functions that can fail/s/^ \*   //p' $< > $@
$(O)/example: $(O)/example.c $(O)/public/libslm.a
	$(call say,LD)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) -Iinclude -o $@ $^ $(LIBS)

check-layers:
	@sh scripts/layers.sh $(sort $(wildcard src/*.[ch] src/kernels/*.[ch] src/cli/*.[ch]))
	@! grep -niE 'llama|qwen|gemma|phi|smollm' src/forward.c src/ops.c src/kv.c

# The main job, on the model inside the program: nothing to download.
demo: slm
	./slm run --seed 1 'Tell me a story about a dragon who is afraid of the dark.'

# Names that a client of the library could clash with: none.
check-names: $(O)/public/libslm.a
	@! command -v $(OBJCOPY) > /dev/null || ! nm -g --defined-only $< | awk 'NF == 3 && $$3 !~ /^(slm_|_?_odr_asan|__asan|__ubsan)/ { print $$3 }' | grep .

check-hardening: $(O)/slm
	$(if $(and $(filter release,$(MODE)),$(HARDEN)),@sh scripts/check_hardening.sh $<)

# RUN=qemu-aarch64: what the tests' shell scripts start runs under it, too; the tests know it as SLM_EMULATOR and
# say what they skip for it.
ifneq ($(RUN),)
  UNDER := .under
  export QEMU_LD_PREFIX ?= /usr/$(CROSS:-=)
endif
# What the emulator reads of the environment goes along: tests clear it.
$(O)/%.under: $(O)/% FORCE
	@{ echo '#!/bin/sh'; $(foreach v,QEMU_LD_PREFIX QEMU_CPU,$(if $($(v)),echo 'export $(v)=$($(v))';)) \
	    printf 'exec %s "%s" "$$@"\n' '$(RUN)' '$(abspath $<)'; } > $@
	@chmod +x $@
TESTED := $(O)/slm$(UNDER) $(O)/slm-fault$(UNDER) $(O)/run-tests $(O)/example$(UNDER)
TEST_ENV = SLM="$(CURDIR)/$(O)/slm$(UNDER)" SLM_FAULTY="$(CURDIR)/$(O)/slm-fault$(UNDER)" EXAMPLE="$(CURDIR)/$(O)/example$(UNDER)" SLM_EMULATOR="$(RUN)"
test: check-layers check-names check-hardening $(TESTED)
	$(TEST_ENV) $(RUN) $(O)/run-tests $(ONLY)

# Every fault, setting, byte and architecture, where `make test` takes some of them; then what is slow.
check-all: check-layers check-names check-hardening $(TESTED)
	$(TEST_ENV) FAULT_STEP=1 SLM_TEST_ALL=1 $(RUN) $(O)/run-tests
	$(MAKE) MODE=asan build/asan/slm build/asan/slm-fault build/asan/run-tests
	SLM_TEST_ALL=1 SLM="$(CURDIR)/build/asan/slm" SLM_FAULTY="$(CURDIR)/build/asan/slm-fault" build/asan/run-tests hostile fuzz gguf/ fault/ cli/faults
	$(MAKE) fuzz

# clang-tidy and cppcheck, where they are.
check-static:
	@sh scripts/check_static.sh

# ---- the long checks ----------------------------------------------------------------------------
# Every target of tests/fuzz for FUZZ_SECONDS; what it finds lies in build/fuzz as found-TARGET-.., what it
# learnt in build/fuzz/corpus.  FUZZ="json utf8" takes only these.
FUZZ ?= gguf model tokenizer template json args utf8 chat imatrix quantize requant
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)$(MAKE) MODE=fuzz CC=clang BUILTIN= $(FUZZ:%=build/fuzz/fuzz-%)
	$(Q)for t in $(FUZZ); do \
	    d=tests/fuzz/$$t.dict; [ -e $$d ] && d=-dict=$$d || d=; \
	    mkdir -p build/fuzz/corpus/$$t && build/fuzz/fuzz-$$t $$d -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	        -verbosity=0 -artifact_prefix=build/fuzz/found-$$t- build/fuzz/corpus/$$t tests/hostile/$$t > build/fuzz/$$t.log 2>&1; r=$$?; \
	    echo "fuzz $$t: $$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/$$t.log) executions, $$(sed -n 's/^stat::average_exec_per_sec: *//p' build/fuzz/$$t.log) a second, exit $$r"; \
	    [ $$r = 0 ] || { tail -40 build/fuzz/$$t.log; exit 1; }; done
$(O)/fuzz-%: tests/fuzz/fuzz_entry.c $(call obj,$(filter tests/fuzz/%,$(TESTS)) tests/mkmodel.c $(CLI_CALLED)) $(O)/tests/slm_main.o $(O)/libslm.a
	$(call say,LD)
	$(Q)$(CC) $(SLM_CFLAGS) $(CFLAGS) -fsanitize=fuzzer,address,undefined -DFUZZ_TARGET=fuzz_$* -o $@ $^ $(LIBS)

# Lines and branches that the tests reach, file by file, in the test program and in the runs of slm that its scripts
# start (without their sandbox, which would keep them from counting).  COVER="gguf template" runs only these.
coverage:
	$(Q)$(MAKE) MODE=coverage build/coverage/run-tests build/coverage/slm build/coverage/slm-fault build/coverage/example
	$(Q)find build/coverage -name '*.gcda' -delete
	$(Q)SLM="$(CURDIR)/build/coverage/slm" SLM_FAULTY="$(CURDIR)/build/coverage/slm-fault" EXAMPLE="$(CURDIR)/build/coverage/example" \
	    build/coverage/run-tests $(COVER) | grep -E '^FAIL| passed, '
	$(Q)sh scripts/coverage.sh build/coverage

install: slm lib
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include
	install -m 755 slm $(DESTDIR)$(PREFIX)/bin/slm
	install -m 644 libslm.a $(DESTDIR)$(PREFIX)/lib/libslm.a
	install -m 644 include/slm.h $(DESTDIR)$(PREFIX)/include/slm.h
	install -d $(foreach d,man/man1 bash-completion/completions zsh/site-functions fish/vendor_completions.d,$(DESTDIR)$(PREFIX)/share/$(d))
	$(RUN) ./slm help man > $(DESTDIR)$(PREFIX)/share/man/man1/slm.1
	$(RUN) ./slm completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/slm
	$(RUN) ./slm completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_slm
	$(RUN) ./slm completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/slm.fish

clean:
	rm -rf build slm libslm.a

help:
	@echo 'make              build ./slm'
	@echo 'make demo         build and let the built-in model tell a story'
	@echo 'make test         build and run the tests; ONLY=kernels those with such names, RUN=qemu-aarch64 under an emulator'
	@echo 'make check-all    the same with every fault, setting and byte; sanitizers; fuzzing'
	@echo 'make check-static clang-tidy and cppcheck over the sources'
	@echo 'make fuzz         FUZZ="json template .." FUZZ_SECONDS=60; needs clang'
	@echo 'make coverage     lines and branches that the tests reach; needs gcov'
	@echo 'make lib          build libslm.a'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'make clean'
	@echo 'V=1 shows the commands'
	@echo 'MODE=release|debug|asan|ubsan|tsan  CC=gcc|clang  WERROR=1  OPENMP=1  CROSS=aarch64-linux-gnu-'
	@echo 'BUILTIN=FILE       another model inside the program; BUILTIN= none'
	@echo 'HARDEN=            without the guards of scripts/check_hardening.sh'
