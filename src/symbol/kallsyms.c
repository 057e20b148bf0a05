/* kallsyms.c - the kernel's symbols: /proc/kallsyms read once, 120,000 lines in one pass.
 *
 * A line is "address type name", and "\t[module]" after it for what is not the kernel image; BPF
 * programs are listed as the module "bpf". Only text symbols are kept. There are no sizes, so a
 * symbol reaches to the next one; where several share an address the one a reader expects wins:
 * global over weak over local, then the fewest leading underscores.
 *
 * Addresses are made relative to something that survives the boot: _stext for the kernel, the base
 * of /proc/modules for modules. Since Linux 6.4 a module is no longer one range (its text and data
 * are apart, and its size in /proc/modules is a sum), so ranges come from the symbols themselves.
 */
#include "symbol/kallsyms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"

#define READ_CHUNK   (256u << 10)
#define LINE_CAP     8192u             /* KSYM_NAME_LEN is 512; Rust symbols made it grow once */
#define NAMES_CAP    (256u << 20)      /* a real one has 3 MiB */
#define TAIL         UINT64_C(0x20000) /* outside the kernel image the next symbol may be far away */
#define IMAGE_KERNEL 0u
#define IMAGE_NONE   UINT32_MAX

struct kallsyms_symbol {
	uint64_t addr;
	uint32_t name;  /* offset into names */
	uint32_t image; /* index into images */
	uint32_t rank;  /* lower is better; order of the file breaks ties */
};

struct kallsyms_image {
	uint32_t name; /* offset into names; 0 is "" */
	uint8_t kind;
	bool has_base;
	uint64_t base;
};

struct kallsyms {
	VEC(struct kallsyms_symbol) symbols; /* sorted, one per address */
	VEC(struct kallsyms_image) images;   /* 0 is the kernel */
	VEC(char) names;
	uint64_t stext, text_end;
	bool has_stext, any_address;
	uint32_t last_image; /* lines of one module stand together */
};

static uint32_t kallsyms_text(struct kallsyms *k, const char *s, size_t len)
{
	uint32_t at = (uint32_t)k->names.n;

	if (k->names.n + len + 1 > NAMES_CAP || !VEC_RESERVE(&k->names, len + 1))
		return UINT32_MAX;
	memcpy(k->names.at + at, s, len);
	k->names.at[at + len] = '\0';
	k->names.n += len + 1;
	return at;
}

static bool kallsyms_is(const struct kallsyms *k, uint32_t image, const char *s, size_t len)
{
	const char *name = k->names.at + k->images.at[image].name;

	return strncmp(name, s, len) == 0 && strlen(name) == len; /* `s` may hold a NUL */
}

/* The image of that name, added when new; IMAGE_NONE when out of memory. */
static uint32_t kallsyms_add_image(struct kallsyms *k, const char *s, size_t len)
{
	struct kallsyms_image image = {.kind = OBJECT_MODULE};

	if (kallsyms_is(k, k->last_image, s, len))
		return k->last_image;
	for (uint32_t i = 1; i < k->images.n; i++)
		if (kallsyms_is(k, i, s, len))
			return k->last_image = i;
	image.name = kallsyms_text(k, s, len);
	if (len == 3 && memcmp(s, "bpf", 3) == 0) {
		image.kind = OBJECT_BPF; /* offsets are addresses: programs come and go singly */
		image.has_base = true;
	}
	if (image.name == UINT32_MAX || !VEC_PUSH(&k->images, image))
		return IMAGE_NONE;
	return k->last_image = (uint32_t)k->images.n - 1;
}

static uint32_t kallsyms_rank(char type, const char *name, size_t len)
{
	uint32_t binding = type == 'T' ? 0 : type == 'W' || type == 'w' ? 1 : 2;
	uint32_t underscores = 0;

	while (underscores < len && underscores < 255 && name[underscores] == '_')
		underscores++;
	return binding << 8 | underscores;
}

static bool kallsyms_hex(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	uint64_t v = 0;

	for (; p < end && p - *at < 17; p++) {
		unsigned int c = (unsigned char)*p | 0x20u;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			break;
	}
	if (p == *at || p - *at > 16)
		return false;
	*at = p;
	*ret = v;
	return true;
}

/* The kernel image is [_stext, the last end of text that is mapped). */
static void kallsyms_mark(struct kallsyms *k, uint64_t addr, const char *name, size_t len)
{
	if (len == 6 && memcmp(name, "_stext", 6) == 0 && !k->has_stext) {
		k->stext = addr;
		k->has_stext = true;
	} else if ((len == 6 && memcmp(name, "_etext", 6) == 0) ||
		   (len == 10 && memcmp(name, "_einittext", 10) == 0)) {
		if (addr > k->text_end)
			k->text_end = addr;
	}
}

/* 0 also for lines that are not understood: they name nothing. */
static int kallsyms_line(struct kallsyms *k, const char *p, const char *end)
{
	struct kallsyms_symbol s = {.image = IMAGE_KERNEL};
	const char *name, *module;
	size_t len;
	char type;

	if (!kallsyms_hex(&p, end, &s.addr) || end - p < 4 || p[0] != ' ' || p[2] != ' ')
		return 0;
	k->any_address |= s.addr != 0;
	type = p[1];
	name = p + 3;
	module = memchr(name, '\t', (size_t)(end - name));
	len = (size_t)((module ? module : end) - name);
	if (!module)
		kallsyms_mark(k, s.addr, name, len);
	if (!strchr("TtWw", type) || !len || !s.addr)
		return 0;
	if (module) {
		if (end - module < 4 || module[1] != '[' || end[-1] != ']')
			return 0;
		s.image = kallsyms_add_image(k, module + 2, (size_t)(end - 1 - (module + 2)));
	}
	s.name = kallsyms_text(k, name, len);
	s.rank = kallsyms_rank(type, name, len);
	if (s.image == IMAGE_NONE || s.name == UINT32_MAX || !VEC_PUSH(&k->symbols, s))
		return -ENOMEM;
	return 0;
}

/* "name size refs users state 0xbase": the base is the only field we need. */
static int kallsyms_module_line(struct kallsyms *k, const char *p, const char *end)
{
	const char *name_end = memchr(p, ' ', (size_t)(end - p));
	const char *at = name_end;
	uint64_t base;
	uint32_t i;

	for (int field = 0; field < 4 && at; field++)
		at = memchr(at + 1, ' ', (size_t)(end - at - 1));
	if (!at || end - at < 4 || at[1] != '0' || at[2] != 'x')
		return 0;
	at += 3;
	if (!kallsyms_hex(&at, end, &base) || !base)
		return 0;
	i = kallsyms_add_image(k, p, (size_t)(name_end - p));
	if (i == IMAGE_NONE)
		return -ENOMEM;
	if (k->images.at[i].kind == OBJECT_MODULE) {
		k->images.at[i].base = base;
		k->images.at[i].has_base = true;
	}
	return 0;
}

typedef int (*kallsyms_line_fn)(struct kallsyms *k, const char *p, const char *end);

/* Calls fn for every whole line. Lines over LINE_CAP are skipped; the last may lack its newline. */
static int kallsyms_lines(struct kallsyms *k, int fd, kallsyms_line_fn fn)
{
	char *data = malloc(READ_CHUNK + LINE_CAP);
	size_t kept = 0;
	int rc = data ? 0 : -ENOMEM;

	while (!rc) {
		ssize_t got = read(fd, data + kept, READ_CHUNK);
		char *line = data, *end = data + kept + (got > 0 ? got : 0), *nl;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = -errno;
		for (; !rc && (nl = memchr(line, '\n', (size_t)(end - line))); line = nl + 1)
			rc = fn(k, line, nl);
		if (got <= 0) {
			if (!rc && end > line)
				rc = fn(k, line, end);
			break;
		}
		kept = (size_t)(end - line);
		if (kept > LINE_CAP)
			kept = LINE_CAP; /* nothing that long can be a symbol: the rest is dropped
					  */
		memmove(data, line, kept);
	}
	free(data);
	return rc;
}

static int kallsyms_order(const void *pa, const void *pb)
{
	const struct kallsyms_symbol *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->name > b->name) - (a->name < b->name);
}

/* Sorts, keeps the best name per address and gives every module a base. */
static void kallsyms_finish(struct kallsyms *k)
{
	uint64_t last = 0;
	size_t n = 0;

	if (k->symbols.n)
		qsort(k->symbols.at, k->symbols.n, sizeof(*k->symbols.at), kallsyms_order);
	for (size_t i = 0; i < k->symbols.n; i++) {
		struct kallsyms_symbol *s = &k->symbols.at[i];
		struct kallsyms_image *image = &k->images.at[s->image];

		if (!image->has_base) { /* sorted: the first is the lowest */
			image->base = s->addr;
			image->has_base = true;
		}
		if (s->image == IMAGE_KERNEL)
			last = s->addr;
		if (!n || k->symbols.at[n - 1].addr != s->addr)
			k->symbols.at[n++] = *s;
	}
	if (k->text_end <= k->stext) /* a list without _etext */
		k->text_end = last > UINT64_MAX - TAIL ? UINT64_MAX : last + TAIL;
	k->symbols.n = n;
	k->images.at[IMAGE_KERNEL].base = k->stext;
	k->images.at[IMAGE_KERNEL].has_base = k->has_stext;
}

static struct kallsyms *kallsyms_new(void)
{
	struct kallsyms *k = calloc(1, sizeof(*k));
	struct kallsyms_image kernel = {.kind = OBJECT_KERNEL};

	if (!k)
		return NULL;
	if (kallsyms_text(k, "", 0) != 0 || !VEC_PUSH(&k->images, kernel)) {
		kallsyms_free(k);
		return NULL;
	}
	return k;
}

int kallsyms_read_fd(int fd, int modules_fd, struct kallsyms **ret, struct err *e)
{
	struct kallsyms *k = kallsyms_new();
	int rc;

	if (!k)
		return err_set(e, -ENOMEM, "out of memory");
	rc = kallsyms_lines(k, fd, kallsyms_line);
	/* Modules are a detail: a kernel without them has no such file. */
	if (!rc && modules_fd >= 0 &&
	    kallsyms_lines(k, modules_fd, kallsyms_module_line) == -ENOMEM)
		rc = -ENOMEM;
	if (rc) {
		kallsyms_free(k);
		return err_set(e, rc, "cannot read the kernel's symbols: %s", strerror(-rc));
	}
	if (!k->any_address || !k->has_stext) {
		rc = k->any_address ? -ENOENT : -EPERM;
		kallsyms_free(k);
		if (rc == -ENOENT)
			return err_set(e, rc, "the kernel's symbol list has no _stext");
		return err_set(e, rc,
			       "the kernel hides its addresses in /proc/kallsyms; run as root "
			       "or set the sysctl kernel.kptr_restrict to 0 or 1");
	}
	kallsyms_finish(k);
	*ret = k;
	return 0;
}

int kallsyms_read(struct kallsyms **ret, struct err *e)
{
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	int modules_fd, rc;

	if (fd < 0)
		return err_set(e, -errno, "cannot open /proc/kallsyms: %s", strerror(errno));
	modules_fd = open("/proc/modules", O_RDONLY | O_CLOEXEC);
	rc = kallsyms_read_fd(fd, modules_fd, ret, e);
	close(fd);
	if (modules_fd >= 0)
		close(modules_fd);
	return rc;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	VEC_FREE(&k->symbols);
	VEC_FREE(&k->images);
	VEC_FREE(&k->names);
	free(k);
}

/* The symbol that covers the address; NULL when none does. */
static const struct kallsyms_symbol *kallsyms_find(const struct kallsyms *k, uint64_t addr)
{
	size_t lo = 0, hi = k->symbols.n;
	const struct kallsyms_symbol *s;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->symbols.at[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	s = &k->symbols.at[lo - 1];
	if (s->image == IMAGE_KERNEL)
		return addr < k->text_end ? s : NULL;
	return addr - s->addr < TAIL ? s : NULL;
}

bool kallsyms_image(const struct kallsyms *k, uint64_t addr, enum object_kind *ret_kind,
		    const char **ret_name, uint64_t *ret_base)
{
	const struct kallsyms_image *image = &k->images.at[IMAGE_KERNEL];

	if (addr < k->stext || addr >= k->text_end) {
		const struct kallsyms_symbol *s = kallsyms_find(k, addr);

		if (!s || s->image == IMAGE_KERNEL)
			return false;
		image = &k->images.at[s->image];
	}
	*ret_kind = (enum object_kind)image->kind;
	*ret_name = k->names.at + image->name;
	*ret_base = image->base;
	return true;
}

bool kallsyms_base(const struct kallsyms *k, enum object_kind kind, const char *name,
		   uint64_t *ret_base)
{
	for (uint32_t i = 0; i < k->images.n; i++) {
		const struct kallsyms_image *image = &k->images.at[i];

		if (image->kind == kind && image->has_base &&
		    (kind != OBJECT_MODULE || kallsyms_is(k, i, name, strlen(name)))) {
			*ret_base = image->base;
			return true;
		}
	}
	return false;
}

const char *kallsyms_name(const struct kallsyms *k, uint64_t addr)
{
	const struct kallsyms_symbol *s = kallsyms_find(k, addr);

	return s ? k->names.at + s->name : NULL;
}

size_t kallsyms_count(const struct kallsyms *k)
{
	return k->symbols.n;
}
