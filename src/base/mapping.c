/* mapping.c - see mapping.h.
 *
 * The handler may interrupt any thread, so the list of mappings is a fixed table of atomic words: a
 * slot is taken by storing its length (0 = free), published by storing its start. The handler puts a
 * page of zeros where the page is that the file has no longer.
 */
#include "base/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS 4096

static struct {
	_Atomic(uintptr_t) start;
	_Atomic(size_t) n;
} mapping_slots[SLOTS];

static struct sigaction mapping_before;
static pthread_once_t mapping_once = PTHREAD_ONCE_INIT;
static uintptr_t mapping_page;

static bool mapping_is_ours(uintptr_t addr)
{
	for (size_t i = 0; i < SLOTS; i++) {
		uintptr_t start = atomic_load(&mapping_slots[i].start);

		if (start && addr >= start && addr - start < atomic_load(&mapping_slots[i].n))
			return true;
	}
	return false;
}

static void mapping_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;

	if (info->si_code > 0 && mapping_is_ours(addr) &&
	    mmap((void *)(addr & -mapping_page), mapping_page, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		return;
	if (mapping_before.sa_flags & SA_SIGINFO)
		mapping_before.sa_sigaction(sig, info, context);
	else if (mapping_before.sa_handler != SIG_DFL && mapping_before.sa_handler != SIG_IGN)
		mapping_before.sa_handler(sig);
	else
		sigaction(SIGBUS, &mapping_before, NULL); /* and the access faults again */
}

static void mapping_install(void)
{
	struct sigaction sa = {.sa_sigaction = mapping_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	mapping_page = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &mapping_before);
}

static int mapping_register(const void *p, size_t n)
{
	for (int i = 0; i < SLOTS; i++) {
		size_t none = 0;

		if (!atomic_compare_exchange_strong(&mapping_slots[i].n, &none, n))
			continue;
		atomic_store(&mapping_slots[i].start, (uintptr_t)p);
		return i;
	}
	return -1;
}

int mapping_open(int fd, struct mapping *ret)
{
	struct mapping m;
	struct stat st;
	void *p;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size <= 0)
		return -ENODATA;
	pthread_once(&mapping_once, mapping_install);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	m = (struct mapping){p, (size_t)st.st_size, mapping_register(p, (size_t)st.st_size)};
	if (m.slot < 0) {
		munmap(p, m.n);
		return -EMFILE;
	}
	*ret = m;
	return 0;
}

struct mapping mapping_borrow(const void *data, size_t n)
{
	return (struct mapping){n ? data : NULL, n, -1};
}

void mapping_close(struct mapping *m)
{
	if (m->p && m->slot >= 0) {
		/* The start goes first: the addresses may be another's as soon as they are free. */
		atomic_store(&mapping_slots[m->slot].start, 0);
		munmap((void *)(uintptr_t)m->p, m->n);
		atomic_store(&mapping_slots[m->slot].n, 0);
	}
	*m = (struct mapping){.slot = -1};
}
