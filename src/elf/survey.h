/* survey.h - what an ELF file carries that a profiler lives on, as counts: unwind information, symbols,
 * debug information, identity. For explanations, not for hot paths: it reads whole symbol tables.
 *
 * Thread safety: one thread at a time per image.
 */
#ifndef WAGGLE_ELF_SURVEY_H
#define WAGGLE_ELF_SURVEY_H

#include "elf/image.h"

#define SURVEY_NAME_MAX 128
#define SURVEY_LOOKED   2000 /* functions whose prologue is looked at, at most */
#define SURVEY_UNITS    4096 /* heads of compilation units that are read, at most */

enum survey_language { SURVEY_C, SURVEY_GO, SURVEY_RUST, SURVEY_LANGUAGE_MAX };

struct survey {
	uint16_t machine, type; /* EM_*, ET_* */
	uint8_t language;       /* enum survey_language; SURVEY_C stands for all that is not told */
	char build_id[2 * ELF_BUILD_ID_MAX + 1]; /* "" when there is none */

	bool eh_frame, debug_frame;
	uint32_t functions, bad; /* descriptions in them: those that make sense, and the others */
	struct elf_section text; /* where the code is */
	uint64_t described;      /* bytes of it that these descriptions cover */
	uint32_t looked, with_fp; /* prologues looked at; of those, that set up a frame pointer */

	uint32_t symtab, dynsym, mini; /* function symbols with an address, by table */
	bool mini_damaged;             /* .gnu_debugdata is there but cannot be read */

	bool info, lines;       /* .debug_info, .debug_line */
	uint8_t dwarf_min, dwarf_max; /* versions of its units, 0 when not known */
	bool split;             /* the information proper is in .dwo or .dwp files */
	char alt[SURVEY_NAME_MAX]; /* what dwz moved parts of it to, "" when nothing */
	char alt_id[2 * ELF_BUILD_ID_MAX + 1];
	char link[SURVEY_NAME_MAX]; /* name in .gnu_debuglink */
};

/* 0 or -ENOMEM: what cannot be read counts as absent. */
int survey_read(struct elf_image *img, struct survey *ret);

#endif
