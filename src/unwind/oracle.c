/* oracle.c - libdwfl fed with registers and a copy of the stack; see oracle.h.
 *
 * A process is a Dwfl with its files reported at the addresses they are mapped at. Separate debug files
 * are never looked for: exceptions do without them, so can a stack.
 */
#include "unwind/oracle.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

enum { PROCESSES = 8, MODULES_MAX = 2048, PAGE = 4096, DWARF_RA = 16, DWARF_REGS = 17 };

struct oracle_process {
	Dwfl *dwfl;
	uint32_t pid;
	uint64_t files; /* hash of the files it has mapped executable, and where */
	uint64_t used;
	bool ready;
	bool partial; /* some file could not be opened: the process was just ending */
};

struct oracle {
	struct oracle_opts opts;
	struct oracle_process processes[PROCESSES];
	uint64_t clock;
	char *vdso; /* a copy of our own, which is that of everybody */
	size_t vdso_bytes;
	Dwfl_Callbacks callbacks;
	Dwfl_Thread_Callbacks thread;
	/* The stack at hand. */
	const struct raw_record *record;
	const struct maps *maps;
	struct oracle_stack *stack;
	bool read_failed, read_zero; /* by the last step */
};

/* -- files -------------------------------------------------------------------------------------- */

static int oracle_find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
			   char **file_name, Elf **elf)
{
	const struct oracle *o = *userdata;

	if (o && o->vdso) /* only the vDSO is reported without a descriptor */
		*elf = elf_memory(o->vdso, o->vdso_bytes);
	return -1;
}

static int oracle_find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
				 const char *file, const char *link, GElf_Word crc, char **ret)
{
	return -1;
}

int oracle_open_live(void *ctx, uint32_t pid, const struct maps *m, const struct maps_range *at)
{
	char path[4096 + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid,
		 (unsigned long long)at->start, (unsigned long long)at->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%u/root%s", pid, maps_path(m, at));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static bool oracle_is_vdso(const struct maps *m, const struct maps_range *at)
{
	return !at->ino && !strcmp(maps_path(m, at), "[vdso]");
}

static bool oracle_is_file(const struct maps *m, const struct maps_range *at)
{
	return at->exec && at->ino && maps_path(m, at)[0] == '/';
}

/* What must be added to the file's own addresses: the segment that the mapping shows tells. Addresses
 * and offsets are congruent in a page, so the mapping's start need not be the segment's. */
static bool oracle_bias(int fd, const struct maps_range *at, uint64_t *ret)
{
	const struct elf_segment *seg;
	struct elf_image *img;
	bool found = false;
	size_t n;

	if (elf_image_open(fd, &img, NULL))
		return false;
	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n && !found; i++) {
		uint64_t from = seg[i].offset & -(uint64_t)PAGE;

		if (!seg[i].exec || at->offset < from || at->offset >= seg[i].offset + seg[i].filesz)
			continue;
		*ret = at->start - (at->offset - from) - (seg[i].vaddr & -(uint64_t)PAGE);
		/* A copy of such a program's code somewhere else (V8 makes one of its builtins) is beyond
		 * libdwfl, and reporting it would cost it the original. */
		found = elf_image_type(img) != ET_EXEC || !*ret;
	}
	elf_image_free(img);
	return found;
}

/* *end: where the module reported before ends; a file with several executable mappings is one module. */
static void oracle_report_file(struct oracle *o, struct oracle_process *p, const struct maps *m,
			       const struct maps_range *at, Dwarf_Addr *end)
{
	Dwfl_Module *mod = NULL;
	uint64_t bias = 0;
	int fd;

	if (at->start < *end)
		return;
	fd = o->opts.open(o->opts.ctx, p->pid, m, at);
	if (fd < 0) {
		p->partial = true;
		return;
	}
	if (oracle_bias(fd, at, &bias))
		mod = dwfl_report_elf(p->dwfl, "file", maps_path(m, at), fd, bias, true);
	if (mod)
		dwfl_module_info(mod, NULL, NULL, end, NULL, NULL, NULL, NULL);
	else
		close(fd);
}

static void oracle_report_vdso(struct oracle *o, struct oracle_process *p, const struct maps_range *at)
{
	Dwfl_Module *mod = dwfl_report_module(p->dwfl, "[vdso]", at->start, at->end);
	void **userdata;

	if (mod && dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
		*userdata = o;
}

static void oracle_report(struct oracle *o, struct oracle_process *p, const struct maps *m)
{
	Dwarf_Addr end = 0;
	size_t n = 0;

	dwfl_report_begin(p->dwfl);
	for (size_t i = 0; i < m->list.n && n < MODULES_MAX; i++) {
		const struct maps_range *at = &m->list.at[i];

		if (oracle_is_vdso(m, at))
			oracle_report_vdso(o, p, at);
		else if (oracle_is_file(m, at))
			oracle_report_file(o, p, m, at, &end);
		else
			continue;
		n++;
	}
	dwfl_report_end(p->dwfl, NULL, NULL);
}

static uint64_t oracle_hash_files(const struct maps *m)
{
	uint64_t h = 1;

	for (size_t i = 0; i < m->list.n; i++) {
		const struct maps_range *at = &m->list.at[i];

		if (!oracle_is_file(m, at) && !oracle_is_vdso(m, at))
			continue;
		h = (h ^ at->start) * UINT64_C(0x9e3779b97f4a7c15);
		h = (h ^ at->offset ^ at->ino << 20) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

/* -- processes ---------------------------------------------------------------------------------- */

static void oracle_forget(struct oracle_process *p)
{
	if (p->dwfl)
		dwfl_end(p->dwfl);
	*p = (struct oracle_process){ 0 };
}

static struct oracle_process *oracle_process(struct oracle *o, uint32_t pid, const struct maps *m)
{
	struct oracle_process *p = &o->processes[0];
	uint64_t files = oracle_hash_files(m);

	for (size_t i = 0; i < PROCESSES; i++) {
		struct oracle_process *at = &o->processes[i];

		if (at->dwfl && at->pid == pid && at->files == files) {
			at->used = ++o->clock;
			return at;
		}
		if (at->used < p->used)
			p = at;
	}
	oracle_forget(p);
	p->dwfl = dwfl_begin(&o->callbacks);
	if (!p->dwfl)
		return NULL;
	p->pid = pid;
	p->files = files;
	p->used = ++o->clock;
	oracle_report(o, p, m);
	p->ready = dwfl_attach_state(p->dwfl, NULL, (pid_t)pid, &o->thread, o);
	return p;
}

/* -- what libdwfl asks -------------------------------------------------------------------------- */

static pid_t oracle_next_thread(Dwfl *dwfl, void *ctx, void **thread)
{
	return 0; /* it is never asked: the thread is named */
}

static bool oracle_get_thread(Dwfl *dwfl, pid_t tid, void *ctx, void **thread)
{
	*thread = ctx;
	return true;
}

static bool oracle_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *ret, void *ctx)
{
	struct oracle *o = ctx;
	const struct raw_record *r = o->record;
	uint64_t start = r->regs[7] - r->below, at = addr - start;

	if (addr < start || at > r->bytes || r->bytes - at < sizeof(*ret)) {
		o->read_failed = true;
		return false;
	}
	memcpy(ret, raw_stack(r) + at, sizeof(*ret));
	if (o->stack->read_end < addr + sizeof(*ret))
		o->stack->read_end = addr + sizeof(*ret);
	o->read_zero |= !*ret;
	return true;
}

static bool oracle_registers(Dwfl_Thread *thread, void *ctx)
{
	const struct oracle *o = ctx;
	Dwarf_Word regs[DWARF_REGS];

	for (int i = 0; i < 16; i++)
		regs[i] = o->record->regs[i];
	regs[DWARF_RA] = o->record->ip;
	return dwfl_thread_state_registers(thread, 0, DWARF_REGS, regs);
}

/* -- frames ------------------------------------------------------------------------------------- */

/* What the call frame information says about a place: is there any, is it a signal's frame, and does
 * it call itself the outermost (*ret_last). */
static enum oracle_way oracle_way(Dwfl *dwfl, uint64_t look, bool *ret_last)
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, look);
	enum oracle_way way = ORACLE_WAY_GUESS;
	Dwarf_Op mem[3], *ops;
	Dwarf_Addr bias = 0;
	Dwarf_Frame *frame;
	bool signal = false;
	Dwarf_CFI *cfi;
	size_t n;

	*ret_last = false;
	for (int i = 0; mod && i < 2 && way == ORACLE_WAY_GUESS; i++) {
		cfi = i ? dwfl_module_dwarf_cfi(mod, &bias) : dwfl_module_eh_cfi(mod, &bias);
		if (!cfi || dwarf_cfi_addrframe(cfi, look - bias, &frame))
			continue;
		dwarf_frame_info(frame, NULL, NULL, &signal);
		way = signal ? ORACLE_WAY_SIGNAL : ORACLE_WAY_CFI;
		*ret_last = !dwarf_frame_register(frame, DWARF_RA, mem, &ops, &n) && !n && ops == mem;
		free(frame);
	}
	return way;
}

static void oracle_place(const struct maps *m, struct oracle_frame *f)
{
	const struct maps_range *at = maps_find(m, f->look);

	f->mapping = at ? (uint32_t)(at - m->list.at) : ORACLE_NOWHERE;
	f->offset = f->look;
	if (at && (at->ino || oracle_is_vdso(m, at)))
		f->offset = f->look - at->start + (at->ino ? at->offset : 0);
}

static int oracle_frame(Dwfl_Frame *state, void *ctx)
{
	struct oracle *o = ctx;
	struct oracle_stack *s = o->stack;
	const struct oracle_frame *below = s->frames.n ? &s->frames.at[s->frames.n - 1] : NULL;
	struct oracle_frame f = { 0 };
	Dwarf_Addr pc;
	bool last;

	if (!dwfl_frame_pc(state, &pc, NULL))
		return DWARF_CB_ABORT;
	if (s->frames.n >= ORACLE_FRAMES_MAX) {
		s->stop = ORACLE_DEPTH;
		return DWARF_CB_ABORT;
	}
	f.look = below && below->way != ORACLE_WAY_SIGNAL ? pc - 1 : pc;
	f.way = (uint8_t)oracle_way(dwfl_thread_dwfl(dwfl_frame_thread(state)), f.look, &last);
	oracle_place(o->maps, &f);
	if (f.mapping != ORACLE_NOWHERE &&
	    !strcmp(maps_path(o->maps, &o->maps->list.at[f.mapping]), "[uprobes]")) {
		s->stop = ORACLE_PROBE;
		return DWARF_CB_ABORT;
	}
	if (!VEC_PUSH(&s->frames, f)) {
		s->oom = true;
		return DWARF_CB_ABORT;
	}
	o->read_failed = o->read_zero = false;
	if (last) {
		s->stop = ORACLE_BOTTOM;
		return DWARF_CB_ABORT;
	}
	return DWARF_CB_OK;
}

/* Why there is no frame above the last one. libdwfl takes a return address of 0 for the bottom. */
static enum oracle_stop oracle_why(const struct oracle *o, int code)
{
	const struct oracle_stack *s = o->stack;
	const struct oracle_frame *f = s->frames.n ? &s->frames.at[s->frames.n - 1] : NULL;
	const struct maps_range *at;

	if (!f)
		return ORACLE_FAILED;
	if (o->read_failed)
		return ORACLE_COPY;
	if (f->way != ORACLE_WAY_GUESS)
		return code == 0 && o->read_zero ? ORACLE_BOTTOM : ORACLE_FAILED;
	at = f->mapping == ORACLE_NOWHERE ? NULL : &o->maps->list.at[f->mapping];
	return at && (at->ino || oracle_is_vdso(o->maps, at)) ? ORACLE_NO_CFI : ORACLE_NO_FILE;
}

/* A last frame that a guessed frame pointer led to, and where no code is, is none. */
static void oracle_drop_guess(struct oracle *o)
{
	struct oracle_stack *s = o->stack;
	const struct oracle_frame *last;

	if (s->frames.n < 2 || s->frames.at[s->frames.n - 2].way != ORACLE_WAY_GUESS)
		return;
	last = &s->frames.at[s->frames.n - 1];
	if (last->mapping != ORACLE_NOWHERE && o->maps->list.at[last->mapping].exec)
		return;
	s->frames.n--;
	s->stop = ORACLE_NO_FILE;
}

int oracle_unwind(struct oracle *o, const struct raw_record *r, const struct maps *m,
		  struct oracle_stack *ret)
{
	struct oracle_process *p = oracle_process(o, r->tgid, m);
	int code;

	ret->frames.n = 0;
	ret->stop = ORACLE_STOP_MAX;
	ret->oom = false;
	ret->read_end = r->regs[7];
	if (!p)
		return -ENOMEM;
	if (p->partial) {
		oracle_forget(p);
		return -ESRCH;
	}
	if (!p->ready)
		return -ENOEXEC;
	o->record = r;
	o->maps = m;
	o->stack = ret;
	dwfl_errno(); /* forget what was before */
	code = dwfl_getthread_frames(p->dwfl, (pid_t)r->tid, oracle_frame, o);
	if (ret->stop == ORACLE_STOP_MAX)
		ret->stop = oracle_why(o, code);
	oracle_drop_guess(o);
	o->record = NULL;
	o->maps = NULL;
	o->stack = NULL;
	return ret->oom ? -ENOMEM : 0;
}

/* -- life --------------------------------------------------------------------------------------- */

/* Where our own vDSO is, in one piece. */
static const void *oracle_own_vdso(size_t *ret_bytes)
{
	const void *found = NULL;
	struct maps m;

	if (maps_read((uint32_t)getpid(), &m))
		return NULL;
	for (size_t i = 0; i < m.list.n && !found; i++) {
		const struct maps_range *at = &m.list.at[i];

		if (!oracle_is_vdso(&m, at))
			continue;
		*ret_bytes = at->end - at->start;
		found = (const void *)(uintptr_t)at->start;
	}
	maps_free(&m);
	return found;
}

int oracle_vdso(struct elf_image **ret)
{
	size_t bytes;
	const void *at = oracle_own_vdso(&bytes);

	return at ? elf_image_memory(at, bytes, ret, NULL) : -ENOENT;
}

static void oracle_copy_vdso(struct oracle *o)
{
	const void *at = oracle_own_vdso(&o->vdso_bytes);

	o->vdso = at ? malloc(o->vdso_bytes) : NULL; /* libelf wants to be able to write */
	if (o->vdso)
		memcpy(o->vdso, at, o->vdso_bytes);
}

int oracle_new(const struct oracle_opts *opts, struct oracle **ret, struct err *e)
{
	struct oracle *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, -ENOMEM, "out of memory");
	elf_version(EV_CURRENT);
	if (opts)
		o->opts = *opts;
	if (!o->opts.open)
		o->opts.open = oracle_open_live;
	o->callbacks.find_elf = oracle_find_elf;
	o->callbacks.find_debuginfo = oracle_find_debuginfo;
	o->thread.next_thread = oracle_next_thread;
	o->thread.get_thread = oracle_get_thread;
	o->thread.memory_read = oracle_read;
	o->thread.set_initial_registers = oracle_registers;
	oracle_copy_vdso(o);
	*ret = o;
	return 0;
}

void oracle_free(struct oracle *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < PROCESSES; i++)
		oracle_forget(&o->processes[i]);
	free(o->vdso);
	free(o);
}

void oracle_stack_free(struct oracle_stack *s)
{
	VEC_FREE(&s->frames);
}

static const struct {
	const char *key, *text;
} oracle_stops[ORACLE_STOP_MAX] = {
#define ROW(id, key, text) [ORACLE_##id] = { key, text },
#include "unwind/stops.def"
#undef ROW
};

const char *oracle_stop_key(uint32_t stop)
{
	return stop < ORACLE_STOP_MAX ? oracle_stops[stop].key : "?";
}

const char *oracle_stop_text(uint32_t stop)
{
	return stop < ORACLE_STOP_MAX ? oracle_stops[stop].text : "?";
}
