/* dump_command.c - `waggle dump STAGE FILE`: each stage alone, for developers. What is printed is the
 * stage's own result as text, one thing a line, so that it can be compared with readelf, nm and friends. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "cli/command.h"
#include "cli/dump_lines.h"
#include "cli/dump_profile.h"
#include "cli/dump_stats.h"
#include "cli/nearest.h"
#include "elf/image.h"
#include "elf/symtab.h"
#include "format/format.h"
#include "symbol/symbolizer.h"
#include "unwind/table.h"

extern const struct command command_dump;

/* -- ELF files ---------------------------------------------------------------------------------- */

static int dump_open(const char *path, struct elf_image **ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_set(e, -errno, "cannot read '%s': %s", path, strerror(errno));
	rc = elf_image_open(fd, ret, e);
	close(fd);
	if (rc)
		err_prefix(e, "cannot read '%s'", path);
	return rc;
}

static const char *const dump_rules[RULE_KIND_MAX] = {
	[RULE_END] = "end", [RULE_RSP] = "rsp", [RULE_RBP] = "rbp", [RULE_REG] = "reg",
	[RULE_DEREF_RSP] = "*rsp", [RULE_DEREF_RBP] = "*rbp", [RULE_PLT] = "plt",
	[RULE_SIGNAL] = "signal", [RULE_BOTTOM] = "bottom", [RULE_UNKNOWN] = "unknown",
	[RULE_RA_REG] = "rsp", [RULE_DEREF_INDEX] = "*rsp",
};

static const char *const dump_rbps[RBP_KIND_MAX] = {
	[RBP_SAME] = "same", [RBP_CFA] = "cfa", [RBP_RBP] = "rbp", [RBP_LOST] = "lost",
};

/* "cfa=rsp+16 rbp=cfa-16 ra=cfa-8", with "rbx=cfa-24" where rbx is not the same, or just the kind where that is all there is to say. */
static void dump_rule(const struct unwind_rule *r)
{
	const char *kind = r->kind < RULE_KIND_MAX ? dump_rules[r->kind] : "?";
	const char *rbp = r->rbp_kind < RBP_KIND_MAX ? dump_rbps[r->rbp_kind] : "?";

	if (r->kind == RULE_END || r->kind == RULE_SIGNAL || r->kind == RULE_BOTTOM ||
	    r->kind == RULE_UNKNOWN) {
		fputs(kind, stdout);
		return;
	}
	printf("cfa=%s", kind);
	if (r->kind == RULE_REG)
		printf("%u", r->cfa_reg);
	printf("%+d", r->cfa_off);
	if (r->kind == RULE_DEREF_INDEX)
		printf("+8*reg%u", r->cfa_reg);
	if (r->add && !unwind_rule_plain(r))
		printf("%+d", r->add);
	printf(" rbp=%s", rbp);
	if (r->rbp_kind == RBP_CFA || r->rbp_kind == RBP_RBP)
		printf("%+d", r->rbp_off);
	if (r->rbx_at == RBX_LOST)
		fputs(" rbx=lost", stdout);
	else if (r->rbx_at)
		printf(" rbx=cfa-%d", 8 * r->rbx_at);
	if (r->kind == RULE_RA_REG)
		printf(" ra=reg%u", r->cfa_reg);
	else
		printf(" ra=cfa%+d", r->ra_off);
	if (r->add && unwind_rule_plain(r))
		fputs(" interrupted", stdout);
}

static int dump_rows(const char *path, struct err *e)
{
	struct elf_image *img = NULL;
	struct symtab *names = NULL;
	struct table t = { 0 };
	int rc = dump_open(path, &img, e);

	if (!rc) {
		rc = table_build(img, &t, e);
		if (rc == -ENODATA)
			err_set(e, rc, "'%s' has no call frame information", path);
		else if (rc)
			err_prefix(e, "'%s'", path);
	}
	if (!rc && symtab_new(img, &names) < 0)
		rc = err_set(e, -ENOMEM, "out of memory");
	if (rc)
		goto out;
	printf("# %zu rows from %zu descriptions, %zu of them bad\n", t.n, t.n_fdes, t.n_bad);
	for (size_t i = 0; i < t.n; i++) {
		struct symbol s = { 0 };
		uint64_t vaddr = 0;

		printf("%08" PRIx64 "  ", (uint64_t)t.rows[i].offset);
		dump_rule(table_rule(&t, i));
		if (elf_image_to_vaddr(img, t.rows[i].offset, &vaddr) &&
		    symtab_find(names, vaddr, &s))
			printf("  %s+0x%" PRIx64, s.name, vaddr - s.vaddr);
		putchar('\n');
	}
out:
	symtab_free(names);
	table_free(&t);
	elf_image_free(img);
	return rc;
}

static int dump_symbols(const char *path, struct err *e)
{
	char id[2 * ELF_BUILD_ID_MAX + 1] = "";
	struct elf_image *img = NULL;
	struct symtab *names = NULL;
	int rc = dump_open(path, &img, e);

	if (rc)
		return rc;
	rc = symtab_new(img, &names);
	if (rc) {
		err_set(e, rc, "cannot read the symbols of '%s': %s", path, strerror(-rc));
	} else {
		elf_image_build_id_hex(img, id);
		printf("# %zu functions, build id %s\n", symtab_count(names), *id ? id : "none");
		for (size_t i = 0; i < symtab_count(names); i++) {
			struct symbol sym = symtab_at(names, i);
			char *plain = demangle(sym.name);

			printf("%016" PRIx64 " %8" PRIu64 "  %s\n", sym.vaddr, sym.size,
			       plain ? plain : sym.name);
			free(plain);
		}
	}
	symtab_free(names);
	elf_image_free(img);
	return rc;
}

/* -- the rest ----------------------------------------------------------------------------------- */

static int dump_profile_file(const char *path, struct err *e)
{
	struct profile *p;
	int rc = format_read_file(path, 0, &p, e);

	if (rc)
		return rc;
	dump_profile(stdout, p);
	profile_free(p);
	return 0;
}

static int dump_abi(const char *path, struct err *e)
{
#define SIZE(type) printf("%-16s %4zu bytes\n", #type, sizeof(struct type))
	SIZE(file_key);
	SIZE(file_slot);
	SIZE(unwind_rule);
	SIZE(sample_record);
	SIZE(file_record);
	SIZE(tick_stats);
	SIZE(cpu_config);
#undef SIZE
#define ROW(id, key, whole, text) printf("end %2d %-14s %s %s\n", WALK_##id, key, \
					 whole ? "whole" : "cut  ", text);
#include "bpf/ends.def"
#undef ROW
	return 0;
}

/* -- command ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	bool file;
	int (*dump)(const char *path, struct err *e); /* NULL: any number of files, see dump_stage() */
} dump_stages[] = {
	{ "rows", true, dump_rows },
	{ "symbols", true, dump_symbols },
	{ "profile", true, dump_profile_file },
	{ "abi", false, dump_abi },
	{ "stats", false, NULL },
};

enum { DUMP_STAGES = sizeof(dump_stages) / sizeof(*dump_stages) };

static const char *const dump_words[] = { "rows", "symbols", "lines", "profile", "abi", "stats", NULL };


static const struct option_row dump_options[] = {
	{ "passes", 0, OPTION_U32, offsetof(struct dump_lines_opts, passes), "N",
	  "with lines: asks N times and prints how long each took to standard error", 1, 1000,
	  .group = "Timing" },
	{ "memory", 0, OPTION_U32, offsetof(struct dump_lines_opts, memory), "MIB",
	  "with lines: how much of what was read to keep between passes (64)", 1, 65536 },
	{ NULL },
};

static const struct option_table dump_tables[] = { { dump_options, 0 }, { NULL, 0 } };

static int dump_stage(const struct option_rest *rest, const struct dump_lines_opts *o, struct err *e)
{
	const char *stage = rest->words.n ? rest->words.at[0] : "";
	struct nearest near = nearest_to(stage);

	if (strcmp(stage, "lines") == 0)
		return rest->words.n < 2
			       ? err_set(e, -EINVAL, "dump lines takes a file and addresses")
			       : dump_lines(rest->words.at[1], rest->words.at + 2,
					    rest->words.n - 2, o, e);
	nearest_offer(&near, "lines");

	for (size_t i = 0; i < DUMP_STAGES; i++) {
		nearest_offer(&near, dump_stages[i].name);
		if (strcmp(dump_stages[i].name, stage))
			continue;
		if (!dump_stages[i].dump)
			return dump_stats(rest->words.at + 1, rest->words.n - 1, e);
		if (rest->words.n != 1 + (size_t)dump_stages[i].file)
			return err_set(e, -EINVAL, "dump %s takes %s", stage,
				       dump_stages[i].file ? "one file" : "no file");
		return dump_stages[i].dump(dump_stages[i].file ? rest->words.at[1] : NULL, e);
	}
	if (!*stage)
		return err_set(e, -EINVAL,
			       "dump needs what to dump: rows, symbols, lines, profile, abi or stats");
	return err_set(e, -EINVAL, "there is nothing called '%s' to dump%s", stage,
		       nearest_hint(&near, ""));
}

static int dump_run(int argc, char **argv)
{
	struct dump_lines_opts opts = { .passes = 1, .memory = 64 };
	struct option_rest rest;
	struct err e = { 0 };
	int code = command_parse(&command_dump, argc, argv, &opts, &rest);

	if (code < 0)
		code = dump_stage(&rest, &opts, &e) ? command_fail(&e) : EXIT_DONE;
	option_free(dump_tables, &opts, &rest);
	return code;
}

const struct command command_dump = {
	.name = "dump",
	.summary = "each stage alone, for developers",
	.usage = "rows|symbols|profile FILE, lines FILE [ADDRESS ..], abi, or stats [FILE ..]",
	.description = "Prints what one stage makes of a file: the unwind rows of an ELF file (file offset, "
		       "rule, function), its functions, the inlined functions and source lines at "
		       "addresses of it (hexadecimal; from standard input when none are given), the tables "
		       "of any profile that can be read, the sizes of what crosses the kernel boundary, or "
		       "what unwind tables cost: their size, beside that of plain rows of 8 and 12 bytes, "
		       "the time to build them and to load them from the disk cache, for some files or for "
		       "all that are mapped now.",
	.examples = "waggle dump rows /bin/ls | less\thow to unwind in ls\n"
		    "waggle dump lines ./server 0x41f3c0\twhat is at this address\n"
		    "waggle dump profile cpu.waggle\twhat is in a recording\n"
		    "waggle dump stats /lib/x86_64-linux-gnu/libc.so.6\twhat unwinding it costs\n"
		    "sudo waggle dump stats\tand everything that runs",
	.words = dump_words,
	.options = dump_tables,
	.run = dump_run,
};
