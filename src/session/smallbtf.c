/* smallbtf.c - picks structures out of raw BTF; see smallbtf.h. */
#include "session/smallbtf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/vec.h"

enum { DEPTH_MAX = 16, RAW_MAX = 64 << 20, STRIDE = 32, NAMES_BITS = 8192 };

struct smallbtf {
	const struct smallbtf_raw *raw;
	const uint8_t *types, *types_end;
	const char *strings;
	size_t n_strings;
	uint32_t *at; /* offset of every STRIDE-th type, by id / STRIDE */
	uint32_t n;   /* types */
	const struct btf *wanted;
	uint64_t names[NAMES_BITS / 64];  /* a bit for the hash of every name that is wanted */
	VEC(uint32_t) structs;            /* ids of structures whose name may be wanted */
	struct btf *out;
};

struct smallbtf_field { /* of the kernel's structure */
	uint32_t type, bits, width; /* width of a bit field, else 0 */
};

/* -- reading ------------------------------------------------------------------------------------ */

int smallbtf_open(const char *path, struct smallbtf_raw *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code = 0;
	struct stat st;
	uint8_t *data;
	size_t got = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > RAW_MAX) {
		close(fd);
		return -EBADMSG;
	}
	ret->size = (size_t)st.st_size;
	data = mmap(NULL, ret->size, PROT_READ, MAP_PRIVATE, fd, 0); /* since Linux 6.16 */
	if (data == MAP_FAILED) {
		data = mmap(NULL, ret->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		while (data != MAP_FAILED && got < ret->size && n > 0) {
			n = read(fd, data + got, ret->size - got);
			got += n > 0 ? (size_t)n : 0;
		}
		code = data == MAP_FAILED ? -ENOMEM : got < ret->size ? -EIO : 0;
	}
	close(fd);
	if (code && data != MAP_FAILED)
		munmap(data, ret->size);
	ret->data = code ? NULL : data;
	return code;
}

void smallbtf_close(struct smallbtf_raw *raw)
{
	if (raw->data)
		munmap((void *)raw->data, raw->size);
	*raw = (struct smallbtf_raw){ 0 };
}

/* Bytes that follow struct btf_type, by kind; -1 for a kind that is not known. */
static long smallbtf_tail(const struct btf_type *t)
{
	static const int8_t fixed[] = {
		[BTF_KIND_INT] = 4, [BTF_KIND_ARRAY] = 12, [BTF_KIND_VAR] = 4,
		[BTF_KIND_DECL_TAG] = 4, [BTF_KIND_PTR] = 0, [BTF_KIND_FWD] = 0,
		[BTF_KIND_TYPEDEF] = 0, [BTF_KIND_VOLATILE] = 0, [BTF_KIND_CONST] = 0,
		[BTF_KIND_RESTRICT] = 0, [BTF_KIND_FUNC] = 0, [BTF_KIND_FLOAT] = 0,
		[BTF_KIND_TYPE_TAG] = 0,
	};
	uint32_t kind = BTF_INFO_KIND(t->info);
	long n = BTF_INFO_VLEN(t->info);

	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return n * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return n * 8;
	}
	return kind && kind < sizeof(fixed) ? fixed[kind] : -1;
}

static int smallbtf_sections(struct smallbtf *b)
{
	const struct btf_header *h = b->raw->data;
	const uint8_t *base = b->raw->data;

	if (b->raw->size < sizeof(*h) || h->magic != BTF_MAGIC || h->hdr_len > b->raw->size ||
	    (uint64_t)h->hdr_len + h->type_off + h->type_len > b->raw->size ||
	    (uint64_t)h->hdr_len + h->str_off + h->str_len > b->raw->size || !h->str_len ||
	    (h->hdr_len + h->type_off) % sizeof(uint32_t)) /* types are read where they lie */
		return -EBADMSG;
	b->types = base + h->hdr_len + h->type_off;
	b->types_end = b->types + h->type_len;
	b->strings = (const char *)base + h->hdr_len + h->str_off;
	b->n_strings = h->str_len;
	return b->strings[b->n_strings - 1] ? -EBADMSG : 0;
}

/* Of a name up to the "___" of a flavour. FNV-1a (isthe.com/chongo/tech/comp/fnv), 32 bits. */
static uint32_t smallbtf_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name && !(name[0] == '_' && name[1] == '_' && name[2] == '_'); name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return (hash ^ hash >> 16) % NAMES_BITS;
}

/* Through all types once: where every STRIDE-th is, and which structures may be wanted. */
static int smallbtf_index(struct smallbtf *b)
{
	const uint8_t *p = b->types;

	b->at = malloc(((size_t)(b->types_end - p) / sizeof(struct btf_type) / STRIDE + 2) *
		       sizeof(*b->at));
	if (!b->at)
		return -ENOMEM;
	for (b->n = 1; (size_t)(b->types_end - p) >= sizeof(struct btf_type); b->n++) { /* 0 is void */
		const struct btf_type *t = (const struct btf_type *)p;
		long tail = smallbtf_tail(t);
		uint32_t hash;

		if (tail < 0 || b->types_end - p < (long)sizeof(*t) + tail)
			return -EBADMSG;
		if (b->n % STRIDE == 0 || b->n == 1)
			b->at[b->n / STRIDE] = (uint32_t)(p - b->types);
		if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT && t->name_off &&
		    t->name_off < b->n_strings) {
			hash = smallbtf_hash(b->strings + t->name_off);
			if (b->names[hash / 64] >> hash % 64 & 1 && !VEC_PUSH(&b->structs, b->n))
				return -ENOMEM;
		}
		p += (long)sizeof(*t) + tail;
	}
	return 0;
}

/* All types were walked over once, so stepping over some again is safe. */
static const struct btf_type *smallbtf_type(const struct smallbtf *b, uint32_t id)
{
	const uint8_t *p;

	if (!id || id >= b->n)
		return NULL;
	p = b->types + b->at[id / STRIDE];
	for (uint32_t i = id / STRIDE ? id / STRIDE * STRIDE : 1; i < id; i++)
		p += (long)sizeof(struct btf_type) + smallbtf_tail((const struct btf_type *)p);
	return (const struct btf_type *)p;
}

static const char *smallbtf_string(const struct smallbtf *b, uint32_t at)
{
	return at < b->n_strings ? b->strings + at : "";
}

/* Through typedefs and qualifiers; NULL for void or nonsense. */
static const struct btf_type *smallbtf_bare(const struct smallbtf *b, uint32_t id)
{
	const struct btf_type *t = smallbtf_type(b, id);

	for (int i = 0; i < DEPTH_MAX && t; i++) {
		uint32_t kind = BTF_INFO_KIND(t->info);

		if (kind != BTF_KIND_TYPEDEF && kind != BTF_KIND_CONST && kind != BTF_KIND_VOLATILE &&
		    kind != BTF_KIND_RESTRICT && kind != BTF_KIND_TYPE_TAG)
			return t;
		t = smallbtf_type(b, t->type);
	}
	return NULL;
}

static bool smallbtf_is_composite(const struct btf_type *t)
{
	return t && (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT ||
		     BTF_INFO_KIND(t->info) == BTF_KIND_UNION);
}

/* The field of that name, also inside anonymous members. */
static bool smallbtf_find(const struct smallbtf *b, const struct btf_type *t, const char *name,
			  uint32_t base, int depth, struct smallbtf_field *ret)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	bool packed = BTF_INFO_KFLAG(t->info);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++, m++) {
		uint32_t bits = base + (packed ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset);
		const struct btf_type *inner;

		if (m->name_off) {
			if (strcmp(smallbtf_string(b, m->name_off), name))
				continue;
			ret->type = m->type;
			ret->bits = bits;
			ret->width = packed ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
			return true;
		}
		inner = smallbtf_bare(b, m->type);
		if (depth < DEPTH_MAX && smallbtf_is_composite(inner) &&
		    smallbtf_find(b, inner, name, bits, depth + 1, ret))
			return true;
	}
	return false;
}

/* -- writing ------------------------------------------------------------------------------------ */

/* Whether a program's structure is a flavour of `name`. */
static bool smallbtf_is_flavour(const char *of, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(of, name, n) && (!of[n] || !strncmp(of + n, "___", 3));
}

static const struct btf_type *smallbtf_wanted_bare(const struct smallbtf *b, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(b->wanted, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(b->wanted, t->type);
	return t;
}

static int smallbtf_add_struct(struct smallbtf *b, const char *name, const struct btf_type *t,
			       const struct btf_type *const *like, size_t n_like, int depth);

/* A type of the same kind and size as the kernel's; what pointers point at does not matter. */
static int smallbtf_add_type(struct smallbtf *b, uint32_t id, const struct btf_type *like, int depth)
{
	const struct btf_type *t = smallbtf_bare(b, id);
	const struct btf_array *array;
	int element;

	if (!t || depth > DEPTH_MAX)
		return -EBADMSG;
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_PTR:
		return btf__add_ptr(b->out, 0);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return smallbtf_add_struct(b, NULL, t, &like, btf_is_composite(like) ? 1 : 0,
					   depth + 1);
	case BTF_KIND_ARRAY:
		array = (const struct btf_array *)(t + 1);
		element = smallbtf_add_type(b, array->type, like, depth + 1);
		return element < 0 ? element : btf__add_array(b->out, element, element, (int)array->nelems);
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return btf__add_int(b->out, "int", t->size, 0);
	}
	return -EBADMSG;
}

struct smallbtf_member {
	const char *name;
	struct smallbtf_field field;
	int type;
};

/* The fields that any of the `like` structures has: their types first, then the structure itself. */
static int smallbtf_add_struct(struct smallbtf *b, const char *name, const struct btf_type *t,
			       const struct btf_type *const *like, size_t n_like, int depth)
{
	struct smallbtf_member members[64];
	size_t n = 0;
	int id, code;

	for (size_t k = 0; k < n_like; k++) {
		const struct btf_member *m = btf_members(like[k]);

		for (uint32_t i = 0; i < btf_vlen(like[k]) && n < 64; i++, m++) {
			struct smallbtf_member *to = &members[n];
			bool again = false;

			to->name = btf__name_by_offset(b->wanted, m->name_off);
			for (size_t j = 0; j < n; j++)
				again |= !strcmp(members[j].name, to->name);
			if (again || !smallbtf_find(b, t, to->name, 0, 0, &to->field))
				continue;
			to->type = smallbtf_add_type(b, to->field.type,
						     smallbtf_wanted_bare(b, m->type), depth);
			if (to->type == -EBADMSG)
				continue; /* of a kind we have no use for */
			if (to->type < 0)
				return to->type;
			n++;
		}
	}
	id = BTF_INFO_KIND(t->info) == BTF_KIND_UNION ? btf__add_union(b->out, name, t->size)
						      : btf__add_struct(b->out, name, t->size);
	for (size_t i = 0; i < n && id > 0; i++) {
		code = btf__add_field(b->out, members[i].name, members[i].type, members[i].field.bits,
				      members[i].field.width);
		if (code < 0)
			return code;
	}
	return id;
}

/* A structure of the kernel, if a program names it. */
static int smallbtf_take(struct smallbtf *b, const struct btf_type *t)
{
	const char *name = smallbtf_string(b, t->name_off);
	const struct btf_type *like[8];
	size_t n = 0;
	int id;

	for (uint32_t i = 1; i < btf__type_cnt(b->wanted) && n < 8; i++) {
		const struct btf_type *w = btf__type_by_id(b->wanted, i);

		if (btf_is_struct(w) &&
		    smallbtf_is_flavour(btf__name_by_offset(b->wanted, w->name_off), name))
			like[n++] = w;
	}
	if (!n)
		return 0;
	id = smallbtf_add_struct(b, name, t, like, n, 0);
	return id < 0 ? id : 0;
}

static void smallbtf_want(struct smallbtf *b)
{
	for (uint32_t i = 1; i < btf__type_cnt(b->wanted); i++) {
		const struct btf_type *w = btf__type_by_id(b->wanted, i);
		uint32_t hash;

		if (!btf_is_struct(w) || !w->name_off)
			continue;
		hash = smallbtf_hash(btf__name_by_offset(b->wanted, w->name_off));
		b->names[hash / 64] |= UINT64_C(1) << hash % 64;
	}
}

static int smallbtf_take_all(struct smallbtf *b)
{
	int code = 0;

	for (size_t i = 0; i < b->structs.n && !code; i++)
		code = smallbtf_take(b, smallbtf_type(b, b->structs.at[i]));
	return code;
}

int smallbtf_new(const struct smallbtf_raw *raw, const struct btf *wanted, struct btf **ret)
{
	struct smallbtf b = { .raw = raw, .wanted = wanted };
	int code = smallbtf_sections(&b);

	smallbtf_want(&b);
	if (!code)
		code = smallbtf_index(&b);
	if (!code) {
		b.out = btf__new_empty();
		code = b.out ? smallbtf_take_all(&b) : -ENOMEM;
	}
	free(b.at);
	VEC_FREE(&b.structs);
	if (code)
		btf__free(b.out);
	else
		*ret = b.out;
	return code;
}
