/* verifier.c - how much work the kernel's verifier has with each of waggle's programs.
 *
 * The number is what decides whether a program loads at all (a million is the limit), how long a start
 * takes, and it differs between kernels: the same walker was 5,000 instructions on Linux 6.1 and 10,000
 * on 7.2. So the build prints it and test/verifier/run.sh guards it.
 *
 * Usage: verifier [-v] OBJECT [BOUNDS]
 * Loads every program of OBJECT alone and prints "program instructions with-options" lines: as it
 * is with the options' defaults, and with every option left open, which makes the verifier follow all
 * branches and is an upper bound for any choice of options. With BOUNDS (lines "program bound", # is a
 * comment) says which are above their bound or have none, and ends with "N passed, N failed". With -v the
 * end of what the kernel said of a program that it refused is on standard error.
 * Exit: 0, 1 a bound is broken, 2 wrong usage, 5 not permitted to load programs, 6 too old a kernel for it.
 *
 * The numbers are bpf_prog_info.verified_insns, in Linux since 5.16.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum { NAME_MAX_BYTES = 64, LOG_END = 6000 };
enum { DONE = 0, BROKEN = 1, USAGE = 2, PERMISSION = 5, UNSUPPORTED = 6 };

static bool verifier_verbose;

/* A log is megabytes; what is wrong is at its end. */
static int verifier_said(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;
	int n;

	if (!verifier_verbose || level != LIBBPF_WARN)
		return 0;
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return 0;
	fputs(n > LOG_END ? text + n - LOG_END : text, stderr);
	free(text);
	return n;
}

/* Read-only data the verifier may not believe constant: it must then follow every branch on it. */
static void verifier_open_options(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
		if (bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".rodata"))
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~(__u32)BPF_F_RDONLY_PROG);
}

/* Instructions verified when `name` alone is loaded; -errno when the kernel refuses, 0 when it cannot say. */
static long verifier_count(const char *object, const char *name, bool options_open)
{
	struct bpf_object *obj = bpf_object__open_file(object, NULL);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	struct bpf_program *prog;
	long n;

	if (!obj)
		return -errno;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	if (options_open)
		verifier_open_options(obj);
	n = bpf_object__load(obj);
	if (!n) {
		prog = bpf_object__find_program_by_name(obj, name);
		n = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? -errno :
										  (long)info.verified_insns;
	}
	bpf_object__close(obj);
	return n;
}

/* The bound for `name` in the file, 0 when there is none. */
static long verifier_bound(const char *path, const char *name)
{
	char line[256], known[NAME_MAX_BYTES];
	long bound, found = 0;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", known, &bound) == 2 && !strcmp(known, name))
			found = bound;
	if (f)
		fclose(f);
	return found;
}

static bool verifier_judge(const char *bounds, const char *name, long most)
{
	long bound = verifier_bound(bounds, name);

	if (most <= 0)
		printf("FAILED  %s does not load\n", name);
	else if (!bound)
		printf("FAILED  %s has no bound in %s\n", name, bounds);
	else if (most > bound)
		printf("FAILED  %s: %ld instructions, at most %ld\n", name, most, bound);
	else
		return true;
	return false;
}

static void verifier_show(const char *name, const long n[2])
{
	printf("%-24s", name);
	for (int i = 0; i < 2; i++)
		if (n[i] < 0)
			printf("  refused: %s", strerror((int)-n[i]));
		else
			printf(" %12ld", n[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;
	struct bpf_program *prog;
	struct bpf_object *obj;
	const char *bounds;

	verifier_verbose = argc > 1 && !strcmp(argv[1], "-v");
	argc -= verifier_verbose;
	argv += verifier_verbose;
	if (argc < 2 || argc > 3) {
		fputs("usage: verifier [-v] OBJECT [BOUNDS]\n", stderr);
		return USAGE;
	}
	bounds = argc > 2 ? argv[2] : NULL;
	libbpf_set_print(verifier_said);
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj) {
		fprintf(stderr, "verifier: %s: %s\n", argv[1], strerror(errno));
		return USAGE;
	}
	printf("%-24s %12s %12s\n", "verified instructions", "defaults", "any options");
	bpf_object__for_each_program(prog, obj) {
		const char *name = bpf_program__name(prog);
		long n[2] = { verifier_count(argv[1], name, false), verifier_count(argv[1], name, true) };

		if (n[0] == -EPERM) { /* a program the verifier refuses is EACCES or EINVAL */
			fputs("verifier: not measured: not permitted to load programs (run it as root)\n", stderr);
			return PERMISSION;
		}
		if (!n[0]) {
			fputs("verifier: not measured: this kernel does not say (Linux 5.16 does)\n", stderr);
			return UNSUPPORTED;
		}
		verifier_show(name, n);
		if (bounds && verifier_judge(bounds, name, n[1] > n[0] ? n[1] : n[0]))
			passed++;
		else if (bounds)
			failed++;
	}
	bpf_object__close(obj);
	if (bounds)
		printf("%d passed, %d failed\n", passed, failed);
	return failed ? BROKEN : DONE;
}
