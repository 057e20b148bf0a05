/* smallbtf.h - of the kernel's type information only what our programs ask about.
 *
 * libbpf parses all of /sys/kernel/btf/vmlinux (some 130,000 types) to place a few dozen fields, and then
 * searches it once for every structure: together two thirds of the time it took to start. Here one pass
 * over the raw bytes finds the structures that the programs name and makes a BTF of a few hundred bytes
 * that holds the fields they use, at their true places. libbpf relocates against that (btf_custom_path)
 * exactly as it would against the whole.
 *
 * Format of BTF: Documentation/bpf/btf.rst of Linux. The input is the kernel's, but every access is
 * checked all the same.
 *
 * Thread safety: no state.
 */
#ifndef WAGGLE_SESSION_SMALLBTF_H
#define WAGGLE_SESSION_SMALLBTF_H

#include <stddef.h>

struct btf;

/* The kernel's raw type information, to be given back with smallbtf_close(). 0 or -errno. */
struct smallbtf_raw {
	const void *data;
	size_t size;
};

int smallbtf_open(const char *path, struct smallbtf_raw *ret);
void smallbtf_close(struct smallbtf_raw *raw);

/* A new BTF with the structures named by `wanted` (a program's own BTF; flavours of a name, as CO-RE has
 * them, are one) as far as `raw` has them. The caller frees it (btf__free). -EBADMSG when `raw` makes no
 * sense, -ENOMEM. */
int smallbtf_new(const struct smallbtf_raw *raw, const struct btf *wanted, struct btf **ret);

#endif
