# Makefile - builds everything by wildcard: a new file needs no edit here.
#
#   make                the program, at build/waggle
#   make check          layer and size checks, unit tests, command line tests (minutes; root for some)
#   make fuzz           every parser's fuzz target for FUZZ_SECONDS each
#   make live           the profiler against known workloads (root, some 5 minutes)
#   make real agree     against real programs, and against perf and bpftrace (root, some 3 minutes)
#   make check-vm       the walker on Linux 6.1, 6.12 and 7, and refused on 5.10, under QEMU (some 6 minutes)
#   make bench          side by side with perf, bpftrace and bcc; prints ratios
#   make accuracy       the walker against another unwinder, on real programs (root, ten minutes)
#   make install        honours DESTDIR and PREFIX
# Knobs: SAN=1 (address and undefined-behaviour sanitizers), DEBUG=1, COVERAGE=1, V=1 (show commands),
#        B=dir (where to build), CC, CLANG (BPF and fuzzing), BPFTOOL.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

B ?= build
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/lib/linux-tools/*/bpftool /usr/sbin/bpftool \
	/usr/local/sbin/bpftool) bpftool)
PROTOC_C ?= protoc-c
RUSTC ?= rustc
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)
ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')

PKGS := libbpf libelf ncursesw libdw liblzma libzstd libxxhash libpcre2-8 jansson libprotobuf-c zlib libmicrohttpd
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
# libmicrohttpd is loaded when it is needed (src/ui/web/mhd.h).
PKG_LIBS := $(shell pkg-config --libs $(filter-out libmicrohttpd,$(PKGS))) -liberty -lpthread -lm -ldl

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wundef \
	-Wno-missing-field-initializers -Wno-unused-parameter -Werror
CPPFLAGS := -D_GNU_SOURCE -DWAGGLE_VERSION='"$(VERSION)"' -Iinclude -Isrc -I$(B)/gen $(PKG_CFLAGS)
CFLAGS := -std=gnu11 -g $(if $(DEBUG),-O0,-O2) -fno-omit-frame-pointer $(WARN)
LDFLAGS :=
ifdef SAN
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS += -fsanitize=address,undefined
endif
ifdef COVERAGE
CFLAGS += --coverage
LDFLAGS += --coverage
endif

Q := $(if $(V),,@)
msg = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

# -- sources -------------------------------------------------------------------------------------
LIB_SRC := $(filter-out src/cli/% src/bpf/%,$(wildcard src/*/*.c src/*/*/*.c))
CLI_SRC := $(wildcard src/cli/*.c)
BPF_SRC := $(wildcard src/bpf/*.bpf.c)
PROTO_SRC := $(wildcard src/format/*.proto)
EMBED := $(wildcard web/*.js web/*.css web/*.html data/*)

PROTO_GEN := $(PROTO_SRC:src/%.proto=$(B)/gen/%.pb-c.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(PROTO_GEN:%.c=%.o) $(B)/gen/embed.o
CLI_OBJ := $(CLI_SRC:%.c=$(B)/%.o)
SKEL := $(if $(BPF_SRC),$(B)/gen/waggle.skel.h)
GEN := $(PROTO_GEN) $(SKEL)

UNIT_SRC := $(wildcard test/unit/*_test.c test/unit/*/*_test.c)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
WORKLOAD_SRC := $(wildcard test/workload/*.c test/workload/*.cc)
WORKLOAD := $(addprefix $(B)/,$(basename $(WORKLOAD_SRC)))
WITNESS := $(patsubst %.bpf.c,$(B)/%,$(wildcard test/witness/*.bpf.c))
FUZZ_SRC := $(wildcard fuzz/*_fuzz.c)
FUZZ := $(FUZZ_SRC:%.c=$(B)/%)

.PHONY: all clean check unit unit-programs web fuzz bench bench-programs live real agree check-vm \
	install test-programs workloads
all: $(B)/waggle $(B)/verifier.txt

$(B)/waggle: $(CLI_OBJ) $(B)/libwaggle.a
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJ) $(B)/libwaggle.a $(PKG_LIBS)

$(B)/libwaggle.a: $(LIB_OBJ)
	$(call msg,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $(LIB_OBJ)

AR ?= ar
ifeq ($(origin AR),default)
AR := ar
endif

$(B)/%.o: %.c | $(GEN)
	$(call msg,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.o: $(B)/gen/%.c
	$(call msg,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.pb-c.c: src/%.proto
	$(call msg,PROTOC,$<)
	@mkdir -p $(@D)
	$(Q)$(PROTOC_C) --c_out=$(B)/gen -Isrc $<

# Cached tables are used only by the code that made them: a number made from its sources.
TABLE_SRC := $(wildcard src/elf/cfi*.[ch] src/elf/image.[ch] src/elf/symtab.[ch] src/unwind/table.[ch] \
	src/unwind/mend.[ch] src/unwind/stub*.[ch] src/unwind/leaf.[ch] src/unwind/packed.[ch]) src/bpf/abi.h
$(B)/src/unwind/packed.o: CPPFLAGS += -DTABLE_VERSION=$(shell cat $(TABLE_SRC) | cksum | cut -d' ' -f1)u
$(B)/src/unwind/packed.o: $(TABLE_SRC)

# Files of web/ and data/ as embed_web_viewer_js / embed_web_viewer_js_end (see base/embed.h).
$(B)/gen/embed.S: $(EMBED) tools/embed.sh
	$(call msg,EMBED,$@)
	@mkdir -p $(@D)
	$(Q)sh tools/embed.sh $(EMBED) > $@
$(B)/gen/embed.o: $(B)/gen/embed.S
	$(Q)$(CC) -c -o $@ $<

# -- the kernel side: every *.bpf.c compiled alone, those of waggle then linked to one object --------
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Isrc -Wall -Wextra -Werror \
	-Wno-missing-field-initializers -Wno-unused-parameter -Wno-unused-function
$(B)/%.bpf.o: %.bpf.c
	$(call msg,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<
# unwind.bpf.c defines the shared maps and must come first: libbpf 1.1 loses the offset of a map that it
# meets as extern before it meets the definition.
BPF_FIRST := src/bpf/unwind.bpf.c
$(B)/bpf/waggle.o: $(patsubst %.c,$(B)/%.o,$(BPF_FIRST) $(filter-out $(BPF_FIRST),$(BPF_SRC)))
	$(call msg,BPFLINK,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen object $@ $^
$(B)/gen/waggle.skel.h: $(B)/bpf/waggle.o
	$(call msg,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name waggle_bpf > $@

# What the kernel's verifier makes of it; needs root, and says so where it cannot be measured.
$(B)/tools/verifier: tools/verifier.c
	$(call msg,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(PKG_LIBS)
$(B)/verifier.txt: $(B)/bpf/waggle.o $(B)/tools/verifier
	$(Q)$(B)/tools/verifier $< >$@ 2>&1 || true
	$(Q)cat $@

# -- tests ---------------------------------------------------------------------------------------
$(B)/test/unit/%: test/unit/%.c $(B)/libwaggle.a | $(GEN)
	$(call msg,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itest $(CFLAGS) -Wno-missing-prototypes -MMD -MP $(LDFLAGS) -o $@ $< \
		$(B)/libwaggle.a $(PKG_LIBS) -lcmocka
workloads: $(WORKLOAD) $(WITNESS)
# Other tools' view of what waggle says: a program and the BPF object that it loads.
$(B)/test/witness/%: test/witness/%.c $(B)/test/witness/%.bpf.o
	$(call msg,LOAD,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -g -O2 -Wall -Wextra -Werror -o $@ $< -lbpf
$(WORKLOAD): $(wildcard test/workload/*.h) $(addprefix test/workload/,split.c depth.c plugin.c manykeys.c convoy.c)
# Workloads say in their first lines how they want to be built ("CFLAGS: -O2 ..").
$(B)/test/workload/%: test/workload/%.c
	$(call msg,LOAD,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -g -O2 $(shell sed -n 's/^.*CFLAGS: *//p' $<) -o $@ $< -lpthread
$(B)/test/workload/%: test/workload/%.cc
	$(call msg,LOAD,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) -g -O2 $(shell sed -n 's/^.*CFLAGS: *//p' $<) -o $@ $< -lpthread
# Not part of `workloads`: the live tests ask for it where there is a rustc.
$(B)/test/workload/%: test/workload/%.rs
	$(call msg,LOAD,$<)
	@mkdir -p $(@D)
	$(Q)$(RUSTC) -O -g -o $@ $<

# Against the running kernel; each script says what it needs. They build the workloads themselves.
live: $(B)/waggle
	$(Q)B=$(B) test/live/run.sh
real agree: %: $(B)/waggle
	$(Q)B=$(B) test/live/$@.sh

# Other kernels, in an emulated machine: KERNELS="6.1 6.12" runs some of test/vm/kernels.txt.
check-vm: $(B)/waggle
	$(Q)B=$(B) test/vm/matrix.sh $(KERNELS)

unit: $(UNIT)
	$(Q)sh tools/run-unit.sh $(UNIT)

# Everything `check` needs built, so that a user can build and root only run.
test-programs: all $(UNIT) workloads $(B)/test/web/generate
	$(Q)$(MAKE) --no-print-directory SAN=1 B=$(B)-san unit-programs
unit-programs: $(UNIT)

# Each runner ends with "N passed, N failed[, N skipped]"; a new test/NAME/run.sh needs no edit here. Those
# with '+' measure nothing of the machine and run beside one another.
BESIDE := cli dwarf format verifier
RUNNERS := '+sanitizers: $(MAKE) --no-print-directory SAN=1 B=$(B)-san unit' \
	'+layers: sh tools/check-layers.sh' '+style: sh tools/check-style.sh' \
	'+unit: $(MAKE) --no-print-directory unit' \
	$(foreach r,$(patsubst test/%/run.sh,%,$(wildcard test/*/run.sh)), \
		'$(if $(filter $r,$(BESIDE)),+)$r: B=$(B) test/$r/run.sh') \
	'real programs: B=$(B) test/live/real.sh' 'agreement: B=$(B) test/live/agree.sh'
check: test-programs
	$(Q)sh tools/run-tests.sh $(RUNNERS)

FUZZ_SECONDS ?= 60
fuzz: $(FUZZ)
	$(Q)for f in $(FUZZ:$(B)/fuzz/%_fuzz=%); do \
		echo "== $$f, $(FUZZ_SECONDS) s"; mkdir -p $(B)/corpus/$$f fuzz/seeds/$$f; \
		$(B)/fuzz/$${f}_fuzz -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -timeout=10 \
			-print_final_stats=1 -artifact_prefix=$(B)/fuzz/$$f- \
			$(B)/corpus/$$f fuzz/seeds/$$f || exit 1; \
	done

bench: all workloads bench-programs
	$(Q)B=$(B) bench/run.sh

# What only the benchmark needs: the kernel's own stack walks, to compare with.
bench-programs: $(patsubst %.c,$(B)/%,$(filter-out %.bpf.c,$(wildcard bench/*.c))) \
	$(patsubst %.c,$(B)/%.o,$(wildcard bench/*.bpf.c))
$(B)/bench/%: bench/%.c $(B)/libwaggle.a
	$(call msg,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(B)/libwaggle.a $(PKG_LIBS)

# The pages in a real Chromium, on profiles whose truth is known.
$(B)/test/web/generate: test/web/generate.c $(B)/libwaggle.a
	$(call msg,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itest $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libwaggle.a $(PKG_LIBS)
web: all $(B)/test/web/generate
	$(Q)sh test/web/run.sh $(B)

# Makes files of the corpus (test/corpus/make.sh).
$(B)/test/corpus/%: test/corpus/%.c $(B)/libwaggle.a
	$(call msg,TEST,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libwaggle.a $(PKG_LIBS)

# The library once more, built for fuzzing; all targets share it.
FUZZ_FLAGS := -std=gnu11 -g -O1 -fno-sanitize-recover=undefined
$(B)/fuzzlib/libwaggle.a: $(LIB_SRC) $(wildcard src/*/*.h src/*/*/*.h src/*/*.def src/*/*/*.def include/waggle/*.h) $(GEN)
	@mkdir -p $(@D)
	$(Q)$(MAKE) --no-print-directory B=$(B)/fuzzlib CC=$(CLANG) \
		CFLAGS='$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined' $@
	@touch $@
$(B)/fuzz/%: fuzz/%.c $(B)/fuzzlib/libwaggle.a
	$(call msg,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< \
		$(B)/fuzzlib/libwaggle.a $(PKG_LIBS)

# -- the rest -------------------------------------------------------------------------------------
SHARE := $(DESTDIR)$(PREFIX)/share
install: all
	install -D -m 755 $(B)/waggle $(DESTDIR)$(PREFIX)/bin/waggle
	install -d $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions
	$(B)/waggle man > $(SHARE)/man/man1/waggle.1
	$(B)/waggle completion bash > $(SHARE)/bash-completion/completions/waggle
	$(B)/waggle completion zsh > $(SHARE)/zsh/site-functions/_waggle
	install -D -m 644 LICENSE $(SHARE)/doc/waggle/LICENSE

clean:
	rm -rf $(B) $(B)-san

-include $(shell find $(B) -name '*.d' 2>/dev/null)
