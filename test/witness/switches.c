/* switches.c - runs the witness of untold switches (switches.bpf.c) while its standard input is open, then
 * says of each thread how many went untold.
 * Usage: switches   (the object lies beside the program)
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;
	unsigned tid, *at = NULL;
	unsigned long long n;
	char path[4096], c;
	int map;

	(void)argc;
	snprintf(path, sizeof(path), "%s.bpf.o", argv[0]);
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object))
		fail(path);
	program = bpf_object__next_program(object, NULL);
	if (!program || !bpf_program__attach(program))
		fail("cannot attach");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	map = bpf_object__find_map_fd_by_name(object, "untold");
	if (map < 0)
		fail("no map");
	for (; !bpf_map_get_next_key(map, at, &tid); at = &tid)
		if (!bpf_map_lookup_elem(map, &tid, &n))
			printf("%u %llu\n", tid, n);
	bpf_object__close(object);
	return 0;
}
