/* waits.c - waits COUNT times for MS milliseconds, in one way, below main;work_KIND;wait_KIND. Who makes it
 * wait (a thread or process of its own, "helper") sleeps that long in help_KIND. Prints the truth (wait.h) of
 * the one that waits.
 * Usage: waits KIND [COUNT [MS [FILE]]]   KIND: sleep poll epoll signal pipe unix tcp udp child mutex fault
 *        inode read fsync; FILE is what read reads (O_DIRECT, one block at a time; MS means nothing) or where
 *        fsync writes; for inode a directory.
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "wait.h"

enum { BLOCK = 4096, BLOCKS = 1024 };

static struct wait_truth truth;
static uint64_t count, ns;
static const char *file;

static void *page(size_t n)
{
	void *p = mmap(NULL, n * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	WAIT_OR_DIE(p != MAP_FAILED, "mmap");
	return p;
}

/* -- alone ------------------------------------------------------------------------------------------ */

FRAME void wait_sleep(void)
{
	wait_enter(&truth);
	wait_sleep_ns(ns);
	wait_leave(&truth);
}

FRAME void work_sleep(void)
{
	for (uint64_t i = 0; i < count; i++)
		wait_sleep();
}

FRAME void wait_signal(const sigset_t *set)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	wait_enter(&truth);
	sigtimedwait(set, NULL, &t);
	wait_leave(&truth);
}

FRAME void work_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (uint64_t i = 0; i < count; i++)
		wait_signal(&set);
}

FRAME void wait_child(pid_t pid)
{
	wait_enter(&truth);
	WAIT_OR_DIE(waitpid(pid, NULL, 0) == pid, "waitpid");
	wait_leave(&truth);
}

FRAME void help_child(void)
{
	wait_sleep_ns(ns);
}

FRAME void work_child(void)
{
	for (uint64_t i = 0; i < count; i++) {
		pid_t pid = fork();

		WAIT_OR_DIE(pid >= 0, "fork");
		if (pid == 0) {
			prctl(PR_SET_NAME, "helper");
			help_child();
			_exit(0);
		}
		wait_child(pid);
	}
}

FRAME void wait_read(int fd, void *block, off_t at)
{
	wait_enter(&truth);
	WAIT_OR_DIE(pread(fd, block, BLOCK, at) == BLOCK, "pread");
	wait_leave(&truth);
}

FRAME void work_read(void)
{
	int fd = open(file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	void *block = page(1);

	WAIT_OR_DIE(fd >= 0, file);
	for (uint64_t i = 0; i < count; i++)
		wait_read(fd, block, (off_t)(i * 37 % BLOCKS * BLOCK));
	close(fd);
}

FRAME void wait_fsync(int fd)
{
	wait_enter(&truth);
	WAIT_OR_DIE(fsync(fd) == 0, "fsync");
	wait_leave(&truth);
}

FRAME void work_fsync(void)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	WAIT_OR_DIE(fd >= 0, file);
	for (uint64_t i = 0; i < count; i++) {
		WAIT_OR_DIE(pwrite(fd, &i, sizeof(i), (off_t)(i * BLOCK)) == sizeof(i), "pwrite");
		wait_fsync(fd);
	}
	close(fd);
}

/* -- for an answer: a helper process sleeps, then writes ---------------------------------------------- */

FRAME void help_answer(int fd, const struct sockaddr_in *to)
{
	char c = 0;

	while (recv(fd, &c, 1, 0) == 1 || (errno == ENOTSOCK && read(fd, &c, 1) == 1)) {
		wait_sleep_ns(ns);
		if (to)
			sendto(fd, &c, 1, 0, (const struct sockaddr *)to, sizeof(*to));
		else if (write(fd + 1, &c, 1) != 1)
			break;
	}
	_exit(0);
}

/* The pairs of file descriptors are put where both sides know them: what is read at 50, what is
 * written at 51 for the helper, 52 and 53 for the other. */
static void put_pair(int at, int in, int out)
{
	WAIT_OR_DIE(dup2(in, at) == at && dup2(out, at + 1) == at + 1, "dup2");
}

static void start_helper(const struct sockaddr_in *to)
{
	pid_t pid = fork();

	WAIT_OR_DIE(pid >= 0, "fork");
	if (pid == 0) {
		prctl(PR_SET_NAME, "helper");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(52);
		close(53);
		help_answer(50, to);
	}
	close(50);
	close(51);
}

static void ask(void)
{
	char c = 1;

	WAIT_OR_DIE(write(53, &c, 1) == 1, "write");
}

FRAME void wait_pipe(void)
{
	char c;

	ask();
	wait_enter(&truth);
	WAIT_OR_DIE(read(52, &c, 1) == 1, "read");
	wait_leave(&truth);
}

FRAME void work_pipe(void)
{
	int there[2], back[2];

	WAIT_OR_DIE(pipe(there) == 0 && pipe(back) == 0, "pipe");
	put_pair(50, there[0], back[1]);
	put_pair(52, back[0], there[1]);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	start_helper(NULL);
	for (uint64_t i = 0; i < count; i++)
		wait_pipe();
}

FRAME void wait_unix(void)
{
	char c;

	ask();
	wait_enter(&truth);
	WAIT_OR_DIE(recv(52, &c, 1, 0) == 1, "recv");
	wait_leave(&truth);
}

FRAME void work_unix(void)
{
	int s[2];

	WAIT_OR_DIE(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
	put_pair(50, s[0], s[0]);
	put_pair(52, s[1], s[1]);
	close(s[0]);
	close(s[1]);
	start_helper(NULL);
	for (uint64_t i = 0; i < count; i++)
		wait_unix();
}

FRAME void wait_poll(void)
{
	struct pollfd p = { .fd = 52, .events = POLLIN };
	char c;

	ask();
	wait_enter(&truth);
	WAIT_OR_DIE(poll(&p, 1, -1) == 1, "poll");
	wait_leave(&truth);
	WAIT_OR_DIE(read(52, &c, 1) == 1, "read");
}

FRAME void wait_epoll(int fd)
{
	struct epoll_event e;
	char c;

	ask();
	wait_enter(&truth);
	WAIT_OR_DIE(epoll_wait(fd, &e, 1, -1) == 1, "epoll_wait");
	wait_leave(&truth);
	WAIT_OR_DIE(read(52, &c, 1) == 1, "read");
}

static void pipes_to_helper(void)
{
	uint64_t n = count;

	count = 0;
	work_pipe();
	count = n;
}

FRAME void work_poll(void)
{
	pipes_to_helper();
	for (uint64_t i = 0; i < count; i++)
		wait_poll();
}

FRAME void work_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	pipes_to_helper();
	WAIT_OR_DIE(epoll_ctl(fd, EPOLL_CTL_ADD, 52, &e) == 0, "epoll_ctl");
	for (uint64_t i = 0; i < count; i++)
		wait_epoll(fd);
}

/* A socket of 127.0.0.1 at a free port; *at is where. */
static int loopback(int type, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, type, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	WAIT_OR_DIE(fd >= 0 && bind(fd, (struct sockaddr *)at, len) == 0, "bind");
	WAIT_OR_DIE(getsockname(fd, (struct sockaddr *)at, &len) == 0, "getsockname");
	return fd;
}

FRAME void wait_tcp(void)
{
	char c;

	ask();
	wait_enter(&truth);
	WAIT_OR_DIE(recv(52, &c, 1, 0) == 1, "recv");
	wait_leave(&truth);
}

FRAME void work_tcp(void)
{
	struct sockaddr_in at;
	int l = loopback(SOCK_STREAM, &at), a = socket(AF_INET, SOCK_STREAM, 0), b;

	WAIT_OR_DIE(listen(l, 1) == 0 && connect(a, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
	b = accept(l, NULL, NULL);
	put_pair(50, a, a);
	put_pair(52, b, b);
	close(a);
	close(b);
	start_helper(NULL);
	for (uint64_t i = 0; i < count; i++)
		wait_tcp();
}

FRAME void wait_udp(const struct sockaddr_in *to)
{
	char c = 0;

	WAIT_OR_DIE(sendto(52, &c, 1, 0, (const struct sockaddr *)to, sizeof(*to)) == 1, "sendto");
	wait_enter(&truth);
	WAIT_OR_DIE(recv(52, &c, 1, 0) == 1, "recv");
	wait_leave(&truth);
}

FRAME void work_udp(void)
{
	struct sockaddr_in at, mine;
	int a = loopback(SOCK_DGRAM, &at), b = loopback(SOCK_DGRAM, &mine);

	put_pair(50, a, a);
	put_pair(52, b, b);
	start_helper(&mine);
	for (uint64_t i = 0; i < count; i++)
		wait_udp(&at);
}

/* -- a helper thread that holds something ------------------------------------------------------------ */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int held; /* whose turn: 1 = the helper has what the other is to wait for */

/* Polls for the turn; these naps are in stacks of their own. */
FRAME void await_turn(int turn)
{
	while (__atomic_load_n(&held, __ATOMIC_ACQUIRE) != turn)
		wait_sleep_ns(100000);
}

static void set_turn(int turn)
{
	__atomic_store_n(&held, turn, __ATOMIC_RELEASE);
}

static void start_thread(void *(*run)(void *), void *arg)
{
	pthread_t t;

	WAIT_OR_DIE(pthread_create(&t, NULL, run, arg) == 0, "pthread_create");
	pthread_detach(t);
}

FRAME void *help_mutex(void *unused)
{
	prctl(PR_SET_NAME, "helper");
	for (uint64_t i = 0; i < count; i++) {
		pthread_mutex_lock(&mutex);
		set_turn(1);
		wait_sleep_ns(ns);
		pthread_mutex_unlock(&mutex);
		await_turn(0);
	}
	return NULL;
}

FRAME void wait_mutex(void)
{
	wait_enter(&truth);
	pthread_mutex_lock(&mutex);
	wait_leave(&truth);
	pthread_mutex_unlock(&mutex);
}

FRAME void work_mutex(void)
{
	start_thread(help_mutex, NULL);
	for (uint64_t i = 0; i < count; i++) {
		await_turn(1);
		wait_mutex();
		set_turn(0);
	}
}

/* Memory that a helper thread fills page by page, each after a sleep. */
struct slow_memory {
	char *at;
	size_t pages;
	int fd;
	uint64_t faults;
};

FRAME void *help_fault(void *arg)
{
	struct slow_memory *m = arg;
	void *from = page(1);
	struct uffd_msg msg;

	prctl(PR_SET_NAME, "helper");
	while (read(m->fd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = { .src = (uintptr_t)from, .len = BLOCK };

		copy.dst = msg.arg.pagefault.address & -(uint64_t)BLOCK;
		m->faults++;
		set_turn(1);
		wait_sleep_ns(ns);
		ioctl(m->fd, UFFDIO_COPY, &copy);
	}
	return NULL;
}

static void slow_memory(struct slow_memory *m, size_t pages)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	m->at = page(pages);
	m->pages = pages;
	m->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	reg.range.start = (uintptr_t)m->at;
	reg.range.len = pages * BLOCK;
	WAIT_OR_DIE(m->fd >= 0 && ioctl(m->fd, UFFDIO_API, &api) == 0, "userfaultfd");
	WAIT_OR_DIE(ioctl(m->fd, UFFDIO_REGISTER, &reg) == 0, "userfaultfd");
	start_thread(help_fault, m);
}

FRAME void wait_fault(const volatile char *at)
{
	wait_enter(&truth);
	burn_sink = (uint64_t)*at;
	wait_leave(&truth);
}

FRAME void work_fault(void)
{
	static struct slow_memory m;

	slow_memory(&m, count);
	for (uint64_t i = 0; i < count; i++)
		wait_fault(m.at + i * BLOCK);
	WAIT_OR_DIE(m.faults == count, "userfaultfd");
}

/* A lock of the kernel, held as long as one likes: listing a directory copies names to memory that is slow to
 * come, and holds the directory's lock; making a file in it has to wait for that. */
FRAME void *help_inode(void *arg)
{
	struct slow_memory *m = arg;

	prctl(PR_SET_NAME, "helper");
	for (uint64_t i = 0; i < count; i++) {
		int fd = open(file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		await_turn(0);
		WAIT_OR_DIE(syscall(SYS_getdents64, fd, m->at + i * BLOCK, BLOCK) > 0, "getdents64");
		close(fd);
		await_turn(2);
		set_turn(0);
	}
	return NULL;
}

FRAME void wait_inode(const char *path)
{
	wait_enter(&truth);
	WAIT_OR_DIE(mkdir(path, 0700) == 0, path);
	wait_leave(&truth);
}

FRAME void work_inode(void)
{
	static struct slow_memory m;
	char path[4096];

	snprintf(path, sizeof(path), "%s/sub", file);
	slow_memory(&m, count);
	start_thread(help_inode, &m);
	for (uint64_t i = 0; i < count; i++) {
		await_turn(1);
		wait_inode(path);
		rmdir(path);
		set_turn(2);
	}
}

static const struct {
	const char *name;
	void (*work)(void);
} kinds[] = {
#define KIND(k) { #k, work_##k }
	KIND(sleep), KIND(signal), KIND(child), KIND(read), KIND(fsync), KIND(pipe), KIND(unix), KIND(poll),
	KIND(epoll), KIND(tcp), KIND(udp), KIND(mutex), KIND(fault), KIND(inode),
};

int main(int argc, char **argv)
{
	count = (uint64_t)burn_arg(argc, argv, 2, 100);
	ns = (uint64_t)(burn_arg(argc, argv, 3, 10) * 1e6);
	file = argc > 4 ? argv[4] : "/tmp";
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		wait_begin(&truth);
		kinds[i].work();
		wait_print(&truth, "");
		return 0;
	}
	fprintf(stderr, "waits: which kind? see the head of waits.c\n");
	return 2;
}
