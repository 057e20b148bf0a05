/* filemap.c - see filemap.h.
 *
 * The handler may interrupt any thread, so the list of mappings is a fixed table of atomic words: a
 * slot is taken by storing its length (0 = free), published by storing its start. The handler puts a
 * page of zeros where the page is that the file has no longer.
 */
#include "base/filemap.h"

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
} filemap_slots[SLOTS];

static struct sigaction filemap_before;
static pthread_once_t filemap_once = PTHREAD_ONCE_INIT;
static uintptr_t filemap_page;

static bool filemap_is_ours(uintptr_t addr)
{
	for (size_t i = 0; i < SLOTS; i++) {
		uintptr_t start = atomic_load(&filemap_slots[i].start);

		if (start && addr >= start && addr - start < atomic_load(&filemap_slots[i].n))
			return true;
	}
	return false;
}

static void filemap_fault(int sig, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;

	if (info->si_code > 0 && filemap_is_ours(addr) &&
	    mmap((void *)(addr & -filemap_page), filemap_page, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		return;
	if (filemap_before.sa_flags & SA_SIGINFO)
		filemap_before.sa_sigaction(sig, info, context);
	else if (filemap_before.sa_handler != SIG_DFL && filemap_before.sa_handler != SIG_IGN)
		filemap_before.sa_handler(sig);
	else
		sigaction(SIGBUS, &filemap_before, NULL); /* and the access faults again */
}

static void filemap_install(void)
{
	struct sigaction sa = {.sa_sigaction = filemap_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	filemap_page = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &filemap_before);
}

static int filemap_register(const void *p, size_t n)
{
	for (int i = 0; i < SLOTS; i++) {
		size_t none = 0;

		if (!atomic_compare_exchange_strong(&filemap_slots[i].n, &none, n))
			continue;
		atomic_store(&filemap_slots[i].start, (uintptr_t)p);
		return i;
	}
	return -1;
}

int filemap_open(int fd, struct filemap *ret)
{
	struct filemap m;
	struct stat st;
	void *p;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size <= 0)
		return -ENODATA;
	pthread_once(&filemap_once, filemap_install);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	m = (struct filemap){p, (size_t)st.st_size, filemap_register(p, (size_t)st.st_size)};
	if (m.slot < 0) {
		munmap(p, m.n);
		return -EMFILE;
	}
	*ret = m;
	return 0;
}

struct filemap filemap_borrow(const void *data, size_t n)
{
	return (struct filemap){n ? data : NULL, n, -1};
}

void filemap_close(struct filemap *m)
{
	if (m->p && m->slot >= 0) {
		/* The start goes first: the addresses may be another's as soon as they are free. */
		atomic_store(&filemap_slots[m->slot].start, 0);
		munmap((void *)(uintptr_t)m->p, m->n);
		atomic_store(&filemap_slots[m->slot].n, 0);
	}
	*m = (struct filemap){.slot = -1};
}
