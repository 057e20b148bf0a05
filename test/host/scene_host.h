/* scene_host.h - what scenarios of the scheduler's events begin with: three threads that are alone
 * in their processes, a processor that idles. To be included once, behind sums_host.h.
 */
#ifndef WAGGLE_TEST_SCENE_HOST_H
#define WAGGLE_TEST_SCENE_HOST_H

static bool has_groups(const char *field)
{
	return !strcmp(field, "task->se.cfs_rq") || !strcmp(field, "rq->throttle_count");
}

static struct host_thread idle, a, b, c;
static struct wait_config *options;
static struct cpu_config *filters;

static inline int begin(void **state)
{
	host_reset();
	options = host_wait_config();
	filters = host_cpu_config();
	memset(&got, 0, sizeof(got));
	wait_start = host_now = 1000000000;
	host_has = has_groups;
	host_thread_init(&idle, 0, 0);
	idle.task.flags = PF_KTHREAD;
	host_thread_init(&a, 1, 1);
	host_thread_init(&b, 2, 2);
	host_thread_init(&c, 3, 3);
	return 0;
}

static inline int end(void **state)
{
	host_thread_done(&idle);
	host_thread_done(&a);
	host_thread_done(&b);
	host_thread_done(&c);
	host_reset();
	return 0;
}

#endif
