/* dwarf_fuzz.c - any bytes as the sections of debug information: addresses are asked for twice, with
 * little memory, so that units are also forgotten; what is said must make sense.
 *
 * Input: a byte of flags (1: a .dwo file is found, 2: a package; both with the same bytes), the
 * length of every section of enum dwarf_section (16 bits), then their bytes.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "elf/dwarf.h"
#include "elf/dwarf_sections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[DWARF_SECTION_MAX] = {
	".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets",
	".debug_line", ".debug_addr", ".debug_ranges", ".debug_rnglists", ".debug_aranges",
	".debug_cu_index",
};

struct input {
	uint8_t flags;
	struct dwarf_bytes at[DWARF_SECTION_MAX];
	struct buf elf[2]; /* the file, the split one */
};

static void take(struct input *in, const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(data, size);
	uint16_t len[DWARF_SECTION_MAX];

	in->flags = cursor_u8(&c);
	for (int i = 0; i < DWARF_SECTION_MAX; i++)
		len[i] = cursor_u16(&c);
	for (int i = 0; i < DWARF_SECTION_MAX; i++) {
		uint64_t n = len[i] < cursor_left(&c) ? len[i] : cursor_left(&c);

		in->at[i] = (struct dwarf_bytes){cursor_take(&c, n), n};
	}
}

/* An ELF file with these sections. */
static void write_elf(const struct input *in, bool split, struct buf *to)
{
	Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				    EV_CURRENT},
			.e_type = ET_DYN, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_ehsize = sizeof(h), .e_shentsize = sizeof(Elf64_Shdr)};
	Elf64_Shdr sh[DWARF_SECTION_MAX + 2] = {{0}};
	size_t n = 1, at;

	buf_put(to, &h, sizeof(h));
	for (int i = 0; i < DWARF_SECTION_MAX; i++) {
		if (i == DWARF_CU_INDEX && !(split && in->flags & 2))
			continue;
		sh[n].sh_type = SHT_PROGBITS;
		sh[n].sh_offset = to->len;
		sh[n++].sh_size = in->at[i].n;
		buf_put(to, in->at[i].p, in->at[i].n);
	}
	sh[n].sh_type = SHT_STRTAB;
	sh[n].sh_offset = at = to->len;
	buf_putc(to, 0);
	for (size_t i = 1; i < n; i++) {
		sh[i].sh_name = (Elf64_Word)(to->len - at);
		buf_puts(to, names[i - 1]);
		buf_puts(to, split && i - 1 != DWARF_CU_INDEX ? ".dwo" : "");
		buf_putc(to, 0);
	}
	sh[n].sh_size = to->len - at;
	while (to->len % 8)
		buf_putc(to, 0);
	h.e_shoff = to->len;
	h.e_shnum = (Elf64_Half)(n + 1);
	h.e_shstrndx = (Elf64_Half)n;
	buf_put(to, sh, (n + 1) * sizeof(*sh));
	if (!to->err)
		memcpy(to->data, &h, sizeof(h));
}

static int open_split(void *ctx, const char *comp_dir, const char *name, struct elf_image **ret)
{
	struct input *in = ctx;

	return in->flags & 1 ? elf_image_memory(in->elf[1].data, in->elf[1].len, ret, NULL) : -ENOENT;
}

static int open_package(void *ctx, struct elf_image **ret)
{
	struct input *in = ctx;

	return in->flags & 2 ? elf_image_memory(in->elf[1].data, in->elf[1].len, ret, NULL) : -ENOENT;
}

static int check(void *ctx, size_t i, const struct dwarf_line *lines, size_t n)
{
	size_t *last = ctx;

	if (!n || n > 512 || (*last != SIZE_MAX && i <= *last))
		abort();
	*last = i;
	for (size_t k = 0; k < n; k++)
		if ((lines[k].function && strlen(lines[k].function) > 1u << 16) ||
		    (lines[k].file && strlen(lines[k].file) > 1u << 20))
			abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t addrs[96];
	struct input in = {0};
	struct dwarf_opts o = {.files = {open_split, open_package, NULL, &in},
			       .threads = 1, .memory = 1 << 16};
	struct elf_image *img;
	struct dwarf *d;

	take(&in, data, size);
	write_elf(&in, false, &in.elf[0]);
	write_elf(&in, true, &in.elf[1]);
	for (uint64_t i = 0; i < 96; i++)
		addrs[i] = i < 32 ? i * 3 : (i < 64 ? 0x1000 : 0x401000 - 32) + i - 32;
	if (!in.elf[0].err && !in.elf[1].err &&
	    elf_image_memory(in.elf[0].data, in.elf[0].len, &img, NULL) == 0) {
		if (dwarf_new(img, &o, &d) == 0) {
			for (int pass = 0; pass < 2; pass++) {
				size_t last = SIZE_MAX;

				dwarf_resolve(d, addrs, 96, check, &last);
			}
			dwarf_free(d);
		}
		elf_image_free(img);
	}
	for (int i = 0; i < 2; i++)
		buf_free(&in.elf[i]);
	return 0;
}
