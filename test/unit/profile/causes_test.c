/* causes_test.c - rules of waiting: how they are read, in which order they decide, and what the built-in ones
 * say of stacks that were taken from waiting threads of real kernels (x86-64, 6.18; older names by hand).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <cmocka.h>

#include "profile/causes.h"
#include "profile/syscalls.h"

#define DEEPEST 48

static struct causes *builtin;

/* "a;b;c" (leaf first) to an array; text is written to. */
static size_t functions_of(char *text, const char **ret)
{
	size_t n = 0;
	char *name;

	while ((name = strsep(&text, ";")))
		if (*name && n < DEEPEST)
			ret[n++] = name;
	return n;
}

static enum wait_class ask(const struct causes *c, const char *stack, int32_t syscall, bool iowait,
			   bool kthread)
{
	const char *functions[DEEPEST];
	char *text = strdup(stack);
	struct cause_query q = { syscall, iowait, kthread, functions, functions_of(text, functions) };
	enum wait_class class = causes_find(c, &q);

	free(text);
	return class;
}

enum { IOWAIT = 1, KTHREAD_ASKS = 2 };

/* A wait and what it is: the functions, leaf first, or none and the system call. */
struct answer {
	const char *stack;
	enum wait_class class;
	unsigned int flags;
	int in; /* a system call's number + 1 (read's is 0); 0 = none */
};

static void assert_answer(const struct causes *c, const struct answer *a)
{
	enum wait_class is = ask(c, a->stack, a->in - 1, a->flags & IOWAIT,
				 a->flags & KTHREAD_ASKS);

	if (is != a->class)
		fail_msg("%s, but it is %s: '%s' (system call %d, flags %u)", waits_class(is)->key,
			 waits_class(a->class)->key, a->stack, a->in - 1, a->flags);
}

#define ASSERT_ANSWERS(causes, ...)                                                                    \
	do {                                                                                           \
		static const struct answer answers[] = { __VA_ARGS__ };                                \
									       \
		for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)                        \
			assert_answer(causes, &answers[i]);                                            \
	} while (0)

static struct causes *rules(const char *text)
{
	struct causes *c;
	struct err e = { 0 };

	if (causes_parse(text, strlen(text), "mine", &c, &e))
		fail_msg("%s", e.text);
	return c;
}

/* -- reading --------------------------------------------------------------------------------------- */

static void errors_name_the_line(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "lokc in=a\n", "mine: line 1: there is no class of waits \"lokc\"" },
		{ "# fine\n\nlock in=a\nlock\n", "mine: line 4: a rule needs a condition" },
		{ "lock  # in=a\n", "mine: line 1: a rule needs a condition" },
		{ "lock in=a,,b", "mine: line 1: \"\" cannot be a function's name" },
		{ "lock in=", "mine: line 1: \"\" cannot be a function's name" },
		{ "lock in=a(b)", "mine: line 1: \"a(b)\" cannot be a function's name" },
		{ "lock in", "mine: line 1: \"in\" needs \"=\" and names" },
		{ "lock iowait=a", "mine: line 1: \"iowait\" takes no names" },
		{ "lock under=a", "mine: line 1: there is no condition \"under\"" },
		{ "lock entry=a", "mine: line 1: \"entry\" cannot be asked of a wait" },
		{ "waker x leaf=a", "mine: line 1: \"leaf\" cannot be asked of a waker" },
		{ "waker in=a", "mine: line 1: a waker needs a name" },
		{ "waker", "mine: line 1: a waker needs a name" },
		{ "waker x", "mine: line 1: a rule needs a condition" },
		{ "\n\r\nlock syscall=futex,fuxet\n", "mine: line 3: no system call \"fuxet\" is known" },
		{ "run-queue in=a", "mine: line 1: \"run-queue\" is not a reason to be blocked" },
		{ "on-cpu in=a", "mine: line 1: \"on-cpu\" is not a reason to be blocked" },
		{ "skip a b", "mine: line 1: names are separated by commas, without blanks" },
		{ "interrupt", "mine: line 1: \"\" cannot be a function's name" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct causes *c = builtin;
		struct err e = { 0 };

		assert_int_equal(causes_parse(bad[i].text, strlen(bad[i].text), "mine", &c, &e), -EINVAL);
		assert_null(c);
		assert_string_equal(e.text, bad[i].says);
		assert_int_equal(e.code, -EINVAL);
	}
}

static void too_many_functions(void **state)
{
	size_t cap = 200000, n = 0;
	char *text = malloc(cap);
	struct causes *c;
	struct err e = { 0 };

	for (int i = 0; i < 5000; i++)
		n += (size_t)snprintf(text + n, cap - n, "lock in=function_%d\n", i);
	assert_int_equal(causes_parse(text, n, "mine", &c, &e), -EINVAL);
	assert_string_equal(e.text, "mine: line 4096: more than 4096 different functions");
	free(text);
}

static void first_line_decides(void **state)
{
	struct causes *c = rules("disk in=both\nlock in=both\nlock in=mine\r\n  pipe  in=other,late\tiowait # x\npipe iowait");

	ASSERT_ANSWERS(c,
		{ "x;both", WAIT_DISK },
		{ "mine;both", WAIT_DISK },
		{ "mine", WAIT_LOCK, IOWAIT },
		{ "late", WAIT_OTHER },
		{ "late", WAIT_PIPE, IOWAIT },
		{ "", WAIT_PIPE, IOWAIT },
		{ "", WAIT_OTHER });
	causes_free(c);
}

static void leaf_and_caller(void **state)
{
	struct causes *c = rules("skip sched*\nlock leaf=a caller=b\ndisk leaf=a\nsleep caller=a\nkernel-idle kthread leaf=k\n"
				 "pipe user leaf=k");

	ASSERT_ANSWERS(c,
		{ "schedule;sched_x;a;b;c", WAIT_LOCK },
		{ "a;c;b", WAIT_DISK },
		{ "a", WAIT_DISK },
		{ "schedule;x;a", WAIT_SLEEP },
		{ "schedule;x;y;a", WAIT_OTHER },
		/* The scheduler in between is a caller like any other. */
		{ "a;schedule;b", WAIT_DISK },
		{ "schedule;schedule", WAIT_OTHER },
		{ "k", WAIT_KERNEL_IDLE, KTHREAD_ASKS },
		{ "k", WAIT_PIPE });
	causes_free(c);
}

static void stars_and_suffixes(void **state)
{
	struct causes *c = rules("lock in=ab*\ndisk in=*yz\npipe in=p*q*r\nsleep in=plain\nchild in=exact.cold\nsignal in=*\n");

	ASSERT_ANSWERS(c,
		{ "ab", WAIT_LOCK },
		{ "abc.isra.0", WAIT_LOCK },
		{ "yz", WAIT_DISK },
		{ "xyzyz", WAIT_DISK },
		{ "xyz.constprop.0.isra.1", WAIT_DISK },
		{ "pqr", WAIT_PIPE },
		{ "p1q2q3r4r", WAIT_PIPE },
		{ "p1q2", WAIT_SIGNAL },
		{ "plain.part.0", WAIT_SLEEP },
		{ "plains", WAIT_SIGNAL },
		{ "plai", WAIT_SIGNAL },
		{ "exact.cold", WAIT_CHILD },
		{ "exact", WAIT_SIGNAL },
		{ "", WAIT_OTHER });
	causes_free(c);
}

/* A pattern with many stars on a long name must not take long. */
static void many_stars(void **state)
{
	struct causes *c = rules("lock in=a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
	char name[2000];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(ask(c, name, -1, false, false), WAIT_OTHER);
	name[sizeof(name) - 2] = 'b';
	assert_int_equal(ask(c, name, -1, false, false), WAIT_LOCK);
	causes_free(c);
}

static void system_calls(void **state)
{
	struct causes *c = rules("lock syscall=futex,read\ndisk syscall=vfork in=x");

	assert_int_equal(syscall_number("futex", 5), __NR_futex);
	assert_int_equal(syscall_number("futex_waitv", 11), 449);
	assert_int_equal(syscall_number("futexx", 5), __NR_futex);
	assert_int_equal(syscall_number("futexx", 6), SYSCALL_UNKNOWN);
	assert_int_equal(syscall_number("", 0), SYSCALL_UNKNOWN);
	ASSERT_ANSWERS(c,
		{ "", WAIT_LOCK, .in = __NR_futex + 1 },
		{ "", WAIT_LOCK, .in = __NR_read + 1 },
		{ "", WAIT_OTHER, .in = __NR_write + 1 },
		{ "", WAIT_OTHER });
	causes_free(c);
}

static void waker_rules(void **state)
{
	struct causes *c = rules("interrupt irq*,soft\nwaker self in=loop entry=soft\nwaker net in=loop,net\nwaker timer in=tick");
	const char *s[] = { "wake", "loop", "net", "soft", "send" };
	size_t n = 9;

	assert_null(causes_waker(c, s, 5, &n));
	assert_int_equal(n, 0);
	s[4] = "irq_entry"; /* the same, but the softirq ran in an interrupt */
	assert_string_equal(causes_waker(c, s, 5, &n), "net");
	assert_int_equal(n, 5);
	s[0] = "tick"; /* what is deepest decides */
	assert_string_equal(causes_waker(c, s, 5, &n), "timer");
	s[0] = s[1] = s[2] = "wake";
	assert_string_equal(causes_waker(c, s, 5, &n), "interrupt");
	assert_int_equal(n, 5);
	assert_string_equal(causes_waker(c, s, 4, &n), "interrupt");
	assert_int_equal(n, 4);
	assert_null(causes_waker(c, s, 3, &n));
	assert_null(causes_waker(c, s, 0, &n));
	assert_int_equal(n, 0);
	causes_free(c);
}

/* -- the rules that come with waggle --------------------------------------------------------------- */

#define READ ";vfs_read;ksys_read;do_syscall_64;entry_SYSCALL_64_after_hwframe"
#define CALL ";do_syscall_64;entry_SYSCALL_64_after_hwframe"
#define KTHREAD ";kthread;ret_from_fork;ret_from_fork_asm"
#define S "__schedule;schedule;"
#define ST S "schedule_timeout;"
#define FAULT ";do_fault;__handle_mm_fault;handle_mm_fault;exc_page_fault;asm_exc_page_fault"

static const struct {
	enum wait_class class;
	const char *stack;
} user_stacks[] = {
	{ WAIT_LOCK, S "futex_do_wait;__futex_wait;futex_wait;do_futex;__x64_sys_futex" CALL },
	{ WAIT_LOCK, S "futex_wait_queue;futex_wait;do_futex;__x64_sys_futex" CALL },
	{ WAIT_LOCK, S "rt_mutex_slowlock_block.constprop.0;rt_mutex_wait_proxy_lock;futex_lock_pi;do_futex;__x64_sys_futex" CALL },
	{ WAIT_LOCK, S "futex_wait_requeue_pi;do_futex;__x64_sys_futex" CALL },
	{ WAIT_LOCK, S "__do_semtimedop;do_semtimedop" CALL },
	{ WAIT_LOCK, S "locks_lock_inode_wait;__do_sys_flock" CALL },
	{ WAIT_DISK, ST "io_schedule_timeout;__iomap_dio_rw;iomap_dio_rw;ext4_file_write_iter;vfs_write;ksys_write" CALL },
	{ WAIT_DISK, S "io_schedule;folio_wait_bit_common;filemap_get_pages;filemap_read" READ },
	{ WAIT_DISK, S "io_schedule;bit_wait_io;__wait_on_bit;out_of_line_wait_on_bit;ext4_read_bh;ext4_bread;"
		     "__ext4_read_dirblock;htree_dirblock_to_tree;ext4_htree_fill_tree;ext4_readdir;iterate_dir;"
		     "__x64_sys_getdents64" CALL },
	{ WAIT_DISK, S "io_schedule;blk_mq_get_tag;__blk_mq_alloc_requests;blk_mq_submit_bio;submit_bio_noacct_nocheck;"
		     "__blkdev_direct_IO_simple;blkdev_read_iter" READ },
	{ WAIT_DISK, S "request_wait_answer;__fuse_simple_request;fuse_direct_io;fuse_file_read_iter" READ },
	{ WAIT_WRITEBACK, ST "io_schedule_timeout;wait_for_completion_io_timeout;submit_bio_wait;blkdev_issue_flush;"
			  "ext4_sync_file;ext4_buffered_write_iter;vfs_write;ksys_write" CALL },
	{ WAIT_WRITEBACK, S "io_schedule;folio_wait_bit;folio_wait_writeback;__filemap_fdatawait_range;"
			  "file_write_and_wait_range;ext4_sync_file;do_fsync;__x64_sys_fsync" CALL },
	{ WAIT_WRITEBACK, S "jbd2_log_wait_commit;jbd2_complete_transaction;ext4_sync_file;do_fsync;__x64_sys_fsync" CALL },
	{ WAIT_WRITEBACK, S "wait_transaction_locked;add_transaction_credits;start_this_handle;jbd2__journal_start;"
			  "ext4_dirty_inode;__mark_inode_dirty" CALL },
	{ WAIT_WRITEBACK, S "wb_wait_for_completion;sync_inodes_sb;__iterate_supers;ksys_sync;__x64_sys_sync" CALL },
	{ WAIT_WRITEBACK, ST "io_schedule_timeout;balance_dirty_pages;balance_dirty_pages_ratelimited_flags;"
			  "generic_perform_write;ext4_buffered_write_iter;vfs_write;ksys_write" CALL },
	{ WAIT_NETWORK, ST "wait_woken;sk_wait_data;tcp_recvmsg_locked;tcp_recvmsg;sock_recvmsg;sock_read_iter" READ },
	{ WAIT_NETWORK, ST "wait_woken;sk_stream_wait_memory;tcp_sendmsg_locked;tcp_sendmsg;__sys_sendto;__x64_sys_sendto" CALL },
	{ WAIT_NETWORK, ST "inet_csk_accept;inet_accept;do_accept;__sys_accept4;__x64_sys_accept4" CALL },
	{ WAIT_NETWORK, ST "wait_woken;__inet_stream_connect;inet_stream_connect;__sys_connect;__x64_sys_connect" CALL },
	{ WAIT_NETWORK, ST "__skb_wait_for_more_packets;__skb_recv_udp;udp_recvmsg;sock_recvmsg;__sys_recvfrom" CALL },
	{ WAIT_NETWORK, S "rpc_wait_bit_killable;__wait_on_bit;out_of_line_wait_on_bit;nfs4_call_sync_sequence;vfs_getattr" CALL },
	{ WAIT_PIPE, S "anon_pipe_read" READ },
	{ WAIT_PIPE, S "pipe_read" READ },
	{ WAIT_PIPE, S "anon_pipe_write;vfs_write;ksys_write" CALL },
	{ WAIT_PIPE, ST "unix_stream_read_generic;unix_stream_recvmsg;sock_recvmsg;__sys_recvfrom" CALL },
	{ WAIT_PIPE, ST "__skb_wait_for_more_packets;__unix_dgram_recvmsg;sock_recvmsg;__sys_recvfrom" CALL },
	{ WAIT_PIPE, ST "__skb_wait_for_more_packets;__skb_recv_datagram;skb_recv_datagram;unix_accept;do_accept" CALL },
	{ WAIT_PIPE, S "do_wait_intr_irq;eventfd_read" READ },
	{ WAIT_PIPE, ST "wait_woken;n_tty_read;tty_read" READ },
	{ WAIT_PIPE, S "wait_for_partner;fifo_open;do_dentry_open;vfs_open;path_openat;do_filp_open;do_sys_openat2" CALL },
	{ WAIT_PIPE, S "do_msgrcv" CALL },
	{ WAIT_POLL, S "schedule_hrtimeout_range_clock;do_epoll_wait;__x64_sys_epoll_wait" CALL },
	{ WAIT_POLL, S "schedule_hrtimeout_range_clock;ep_poll;do_epoll_wait;__x64_sys_epoll_wait" CALL },
	{ WAIT_POLL, S "schedule_hrtimeout_range_clock;poll_schedule_timeout.constprop.0;do_sys_poll;__x64_sys_poll" CALL },
	{ WAIT_POLL, S "poll_schedule_timeout.constprop.0;do_select;core_sys_select;do_pselect.constprop.0" CALL },
	{ WAIT_POLL, S "io_schedule;io_cqring_wait;__do_sys_io_uring_enter" CALL },
	{ WAIT_POLL, S "read_events;do_io_getevents;__x64_sys_io_getevents" CALL },
	{ WAIT_POLL, S "wait_woken;inotify_read" READ },
	{ WAIT_POLL, S "userfaultfd_read_iter" READ },
	{ WAIT_SLEEP, S "do_nanosleep;hrtimer_nanosleep;common_nsleep_timens;__x64_sys_clock_nanosleep" CALL },
	{ WAIT_SLEEP, S "do_wait_intr_irq;timerfd_read_iter" READ },
	{ WAIT_CHILD, S "do_wait;kernel_wait4;__do_sys_wait4" CALL },
	{ WAIT_CHILD, S "do_wait;kernel_waitid;__do_sys_waitid" CALL },
	{ WAIT_CHILD, ST "__wait_for_common;wait_for_completion_state;kernel_clone;__do_sys_vfork" CALL },
	{ WAIT_SIGNAL, S "sigsuspend.isra.0;__x64_sys_rt_sigsuspend" CALL },
	{ WAIT_SIGNAL, ST "do_sigtimedwait.isra.0;__x64_sys_rt_sigtimedwait" CALL },
	{ WAIT_SIGNAL, S "__do_sys_pause" CALL },
	{ WAIT_SIGNAL, S "do_signal_stop;get_signal;arch_do_signal_or_restart;exit_to_user_mode_loop" CALL },
	{ WAIT_SIGNAL, S "ptrace_stop;get_signal;arch_do_signal_or_restart;irqentry_exit_to_user_mode;exc_page_fault;asm_exc_page_fault" },
	{ WAIT_SIGNAL, S "signalfd_read_iter" READ },
	{ WAIT_PAGE_FAULT, S "io_schedule;folio_wait_bit_common;filemap_fault;__do_fault" FAULT },
	{ WAIT_PAGE_FAULT, S "handle_userfault;__handle_mm_fault;handle_mm_fault;exc_page_fault;asm_exc_page_fault" },
	{ WAIT_PAGE_FAULT, S "request_wait_answer;__fuse_simple_request;fuse_read_folio;filemap_fault;__do_fault" FAULT },
	{ WAIT_PAGE_FAULT, S "io_schedule;folio_wait_bit_common;filemap_fault;__do_fault" FAULT ";anon_pipe_write;vfs_write;ksys_write" CALL },
	{ WAIT_RECLAIM, S "io_schedule;folio_wait_writeback;shrink_folio_list;shrink_lruvec;shrink_node;do_try_to_free_pages;"
			"try_to_free_mem_cgroup_pages;try_charge_memcg;charge_memcg" FAULT },
	{ WAIT_RECLAIM, ST "reclaim_throttle;shrink_node;try_to_free_pages;__alloc_pages_slowpath.constprop.0;alloc_pages_mpol;"
			"tcp_sendmsg_locked;tcp_sendmsg" CALL },
	{ WAIT_RECLAIM, ST "__mem_cgroup_handle_over_high;exit_to_user_mode_loop" CALL },
	{ WAIT_KERNEL_LOCK, S "schedule_preempt_disabled;rwsem_down_write_slowpath;down_write_killable;vm_mmap_pgoff;ksys_mmap_pgoff" CALL },
	{ WAIT_KERNEL_LOCK, S "schedule_preempt_disabled;rwsem_down_read_slowpath;down_read;do_user_addr_fault;exc_page_fault;asm_exc_page_fault" },
	{ WAIT_KERNEL_LOCK, S "schedule_preempt_disabled;__mutex_lock.constprop.0;anon_pipe_write;vfs_write;ksys_write" CALL },
	{ WAIT_KERNEL_LOCK, S "schedule_preempt_disabled;__mutex_lock_slowpath;ext4_sync_file;do_fsync;__x64_sys_fsync" CALL },
	{ WAIT_KERNEL_LOCK, S "percpu_rwsem_wait;__percpu_down_read;cgroup_attach_task;cgroup_procs_write;vfs_write;ksys_write" CALL },
	{ WAIT_KERNEL_LOCK, ST "__down_common;down;console_lock;tty_open;chrdev_open" CALL },
	{ WAIT_KERNEL_LOCK, S "__lock_sock;lock_sock_nested;tcp_recvmsg;sock_recvmsg;__sys_recvfrom" CALL },
	{ WAIT_KERNEL_IDLE, ST "io_wq_worker;ret_from_fork;ret_from_fork_asm" },
	{ WAIT_OTHER, S "synchronize_rcu_expedited;perf_trace_event_unreg.isra.0;perf_trace_destroy;__free_event;__fput" CALL },
	{ WAIT_OTHER, "" },
}, kernel_stacks[] = {
	{ WAIT_KERNEL_IDLE, S "worker_thread" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "rescuer_thread" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "smpboot_thread_fn" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "kthread_worker_fn" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "kthreadd;ret_from_fork;ret_from_fork_asm" },
	{ WAIT_KERNEL_IDLE, S "kswapd_try_to_sleep;kswapd" KTHREAD },
	{ WAIT_KERNEL_IDLE, ST "kcompactd" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "kjournald2" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "irq_thread" KTHREAD },
	{ WAIT_KERNEL_IDLE, ST "rcu_gp_fqs_loop;rcu_gp_kthread" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "rcu_tasks_one_gp;rcu_tasks_kthread" KTHREAD },
	{ WAIT_KERNEL_IDLE, S "devtmpfs_work_loop;devtmpfsd" KTHREAD },
	{ WAIT_KERNEL_IDLE, ST "a_loop_nobody_knows" KTHREAD },
	{ WAIT_WRITEBACK, S "io_schedule;rq_qos_wait;wbt_wait;__rq_qos_throttle;blk_mq_submit_bio;submit_bio_noacct_nocheck;"
			  "ext4_io_submit;ext4_do_writepages;do_writepages;__writeback_single_inode;writeback_sb_inodes;"
			  "wb_writeback;wb_workfn;process_one_work;worker_thread" KTHREAD },
	{ WAIT_WRITEBACK, S "io_schedule;bit_wait_io;__wait_on_bit;jbd2_journal_commit_transaction;kjournald2" KTHREAD },
	{ WAIT_RECLAIM, ST "reclaim_throttle;shrink_node;balance_pgdat;kswapd" KTHREAD },
	{ WAIT_KERNEL_LOCK, S "schedule_preempt_disabled;__mutex_lock.constprop.0;cgroup_release;process_one_work;worker_thread" KTHREAD },
	{ WAIT_SLEEP, ST "msleep;kmmpd" KTHREAD },
	{ WAIT_OTHER, S "wait_for_something;somebody_elses_work;process_one_work;worker_thread" KTHREAD },
};

static void builtin_knows_real_stacks(void **state)
{
	bool met[WAIT_CLASS_MAX] = { false };

	for (size_t i = 0; i < sizeof(user_stacks) / sizeof(*user_stacks); i++) {
		assert_answer(builtin, &(struct answer){ user_stacks[i].stack, user_stacks[i].class });
		met[user_stacks[i].class] = true;
	}
	for (size_t i = 0; i < sizeof(kernel_stacks) / sizeof(*kernel_stacks); i++)
		assert_answer(builtin, &(struct answer){ kernel_stacks[i].stack, kernel_stacks[i].class,
							 KTHREAD_ASKS });
	for (int c = 0; c < WAIT_CLASS_MAX; c++) {
		enum wait_group group = waits_class((enum wait_class)c)->group;

		if ((group == WAIT_GROUP_BLOCKED || group == WAIT_GROUP_IDLE) && !met[c])
			fail_msg("no stack is tried for %s", waits_class((enum wait_class)c)->key);
	}
}

/* A user's thread that sleeps right below a function called kthread is no idle worker. */
static void builtin_tells_kernel_threads_apart(void **state)
{
	ASSERT_ANSWERS(builtin,
		{ ST "main_loop" KTHREAD, WAIT_KERNEL_IDLE, KTHREAD_ASKS },
		{ ST "main_loop" KTHREAD, WAIT_OTHER });
}

static void builtin_without_kernel_frames(void **state)
{
	ASSERT_ANSWERS(builtin,
		{ "", WAIT_LOCK, .in = __NR_futex + 1 },
		{ "", WAIT_SLEEP, .in = __NR_clock_nanosleep + 1 },
		{ "", WAIT_POLL, .in = __NR_ppoll + 1 },
		{ "", WAIT_DISK, IOWAIT, .in = __NR_io_uring_enter + 1 },
		{ "", WAIT_CHILD, .in = __NR_wait4 + 1 },
		{ "", WAIT_WRITEBACK, .in = __NR_fsync + 1 },
		{ "", WAIT_NETWORK, .in = __NR_recvfrom + 1 },
		{ "", WAIT_DISK, IOWAIT, .in = __NR_read + 1 },
		{ "", WAIT_OTHER, .in = __NR_read + 1 },
		{ "", WAIT_SIGNAL, .in = __NR_rt_sigtimedwait + 1 });
}

#define APIC "__sysvec_apic_timer_interrupt;sysvec_apic_timer_interrupt;asm_sysvec_apic_timer_interrupt;"
#define SOFT "handle_softirqs;__irq_exit_rcu;"
#define IDLE "default_idle;default_idle_call;do_idle;cpu_startup_entry;start_secondary"

static const struct {
	const char *who, *interrupt, *thread;
} wakers[] = {
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;" APIC, IDLE },
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;" APIC, "" },
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;" APIC,
	  "do_wp_page;__handle_mm_fault;handle_mm_fault;exc_page_fault;asm_exc_page_fault" },
	{ "timer", "try_to_wake_up;call_timer_fn;__run_timers;run_timer_softirq;" SOFT
		   "sysvec_apic_timer_interrupt;asm_sysvec_apic_timer_interrupt;", "vfs_read" },
	{ "timer", "try_to_wake_up;ep_autoremove_wake_function;__wake_up_common;__wake_up;ep_poll_callback;__wake_up_common;"
		   "timerfd_tmrproc;__hrtimer_run_queues;hrtimer_interrupt;" APIC, IDLE },
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;arch_timer_handler_virt;"
		   "handle_percpu_devid_irq;generic_handle_domain_irq;gic_handle_irq;call_on_irq_stack;do_interrupt_handler;"
		   "el1_interrupt;el1h_64_irq_handler;el1h_64_irq;", "cpuidle_idle_call;do_idle" },
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;generic_handle_domain_irq;"
		   "gic_handle_irq;do_interrupt_handler;__el0_irq_handler_common;el0t_64_irq_handler;el0t_64_irq;", "" },
	{ "disk", "try_to_wake_up;iomap_dio_bio_end_io;blk_update_request;blk_mq_end_request;blk_done_softirq;" SOFT
		  "common_interrupt;asm_common_interrupt;", IDLE },
	/* A timer's interrupt ran the softirq, but the disk was what it waited for. */
	{ "disk", "try_to_wake_up;wake_page_function;__wake_up_common;folio_wake_bit;__read_end_io;blk_update_request;"
		  "blk_mq_end_request;blk_done_softirq;" SOFT "sysvec_apic_timer_interrupt;asm_sysvec_apic_timer_interrupt;", IDLE },
	{ "disk", "try_to_wake_up;kick_pool;__queue_work;queue_work_on;ext4_put_io_end_defer;blk_update_request;"
		  "blk_mq_end_request;blk_done_softirq;handle_softirqs;run_ksoftirqd;", "smpboot_thread_fn" KTHREAD },
	{ "network", "try_to_wake_up;sock_def_readable;tcp_data_ready;tcp_rcv_established;tcp_v4_do_rcv;tcp_v4_rcv;ip_rcv;"
		     "__netif_receive_skb_one_core;napi_complete_done;virtnet_poll;__napi_poll;net_rx_action;" SOFT
		     "common_interrupt;asm_common_interrupt;", IDLE },
	/* On another processor: not the sender's context any more. */
	{ "network", "try_to_wake_up;sock_def_readable;tcp_v4_rcv;ip_rcv;process_backlog;__napi_poll;net_rx_action;" SOFT
		     "sysvec_call_function_single;asm_sysvec_call_function_single;", IDLE },
	/* What comes in from outside while a thread of this machine sends. */
	{ "network", "try_to_wake_up;sock_def_readable;tcp_v4_rcv;ip_rcv;virtnet_poll;__napi_poll;net_rx_action;handle_softirqs;"
		     "do_softirq.part.0;__local_bh_enable_ip;", "ip_finish_output2;tcp_sendmsg;sock_sendmsg" },
	/* A timer in the midst of a softirq. */
	{ "timer", "try_to_wake_up;hrtimer_wakeup;__hrtimer_run_queues;hrtimer_interrupt;" APIC "net_rx_action;" SOFT
		   "common_interrupt;asm_common_interrupt;", IDLE },
	{ "rcu", "try_to_wake_up;swake_up_one;rcu_core;" SOFT "sysvec_apic_timer_interrupt;asm_sysvec_apic_timer_interrupt;", "" },
	{ "processor", "try_to_wake_up;sched_ttwu_pending;__flush_smp_call_function_queue;__sysvec_call_function_single;"
		       "sysvec_call_function_single;asm_sysvec_call_function_single;", IDLE },
	{ "interrupt", "try_to_wake_up;vring_interrupt;__handle_irq_event_percpu;handle_irq_event;__common_interrupt;"
		       "common_interrupt;asm_common_interrupt;", IDLE },
	{ "interrupt", "try_to_wake_up;some_driver_thread_fn;irq_thread_fn;irq_thread;", "kthread;ret_from_fork" },
	/* The thread itself. */
	{ NULL, "", "try_to_wake_up;wake_up_q;futex_wake;do_futex;__x64_sys_futex;do_syscall_64" },
	{ NULL, "", "try_to_wake_up;__wake_up_common;__wake_up;pipe_release;__fput;task_work_run;do_exit" },
	{ NULL, "", "try_to_wake_up;kick_pool;__queue_work;blk_mq_run_hw_queue;process_one_work;worker_thread" KTHREAD },
	{ NULL, "", "try_to_wake_up;__wake_up_common;__wake_up_sync_key;sock_def_readable;tcp_data_queue;tcp_rcv_established;"
		    "tcp_v4_do_rcv;tcp_v4_rcv;ip_protocol_deliver_rcu;ip_local_deliver_finish;"
		    "__netif_receive_skb_one_core;process_backlog;__napi_poll;net_rx_action;handle_softirqs;do_softirq;__local_bh_enable_ip;__dev_queue_xmit;"
		    "ip_finish_output2;tcp_sendmsg;sock_sendmsg" },
	{ NULL, "", "" },
};

static void builtin_names_wakers(void **state)
{
	for (size_t i = 0; i < sizeof(wakers) / sizeof(*wakers); i++) {
		const char *functions[2 * DEEPEST], *who;
		char *inside = strdup(wakers[i].interrupt), *outside = strdup(wakers[i].thread);
		size_t expected = functions_of(inside, functions), n, own = 99;

		n = expected + functions_of(outside, functions + expected);
		who = causes_waker(builtin, functions, n, &own);
		if (!wakers[i].who ? who != NULL : !who || strcmp(who, wakers[i].who) != 0)
			fail_msg("%s, not %s: %s %s", who ? who : "the thread", wakers[i].who ? wakers[i].who :
				 "the thread", wakers[i].interrupt, wakers[i].thread);
		if (own != expected)
			fail_msg("%zu frames, not %zu: %s", own, expected, wakers[i].interrupt);
		free(inside);
		free(outside);
	}
}

static int setup(void **state)
{
	builtin = causes_builtin();
	return builtin ? 0 : -1;
}

static int teardown(void **state)
{
	causes_free(builtin);
	causes_free(NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_the_line),
		cmocka_unit_test(too_many_functions),
		cmocka_unit_test(first_line_decides),
		cmocka_unit_test(leaf_and_caller),
		cmocka_unit_test(stars_and_suffixes),
		cmocka_unit_test(many_stars),
		cmocka_unit_test(system_calls),
		cmocka_unit_test(waker_rules),
		cmocka_unit_test(builtin_knows_real_stacks),
		cmocka_unit_test(builtin_tells_kernel_threads_apart),
		cmocka_unit_test(builtin_without_kernel_frames),
		cmocka_unit_test(builtin_names_wakers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
