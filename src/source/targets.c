/* targets.c - filters into the programs' constants and maps; see targets.h. */
#include "source/targets.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/abi.h"
#include "process/lookup.h"
#include "waggle.skel.h"

int targets_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	struct cpu_config *c = (struct cpu_config *)&skel->rodata->cpu_config;

	bpf_program__set_autoload(skel->progs.cpu_fork, o->n_pids && o->follow);
	bpf_program__set_autoload(skel->progs.cpu_exit, o->n_pids && o->follow);
	if (o->n_pids > TARGETS_MAX || o->n_tids > TARGETS_MAX)
		return err_set(e, -E2BIG, "at most %d processes or threads can be named at once",
			       TARGETS_MAX);
	if (o->n_cgroups > CGROUPS_MAX)
		return err_set(e, -E2BIG, "at most %d cgroups can be named at once", CGROUPS_MAX);
	c->filter_pids = o->n_pids > 0;
	c->filter_tids = o->n_tids > 0;
	c->filter_comm = o->comm != NULL;
	if (o->comm)
		strncpy(c->comm, o->comm, sizeof(c->comm) - 1);
	c->n_cgroups = (uint32_t)o->n_cgroups;
	c->no_user = o->no_user;
	c->no_kernel = o->no_kernel;
	c->skip_tgid = o->include_self ? 0 : (uint32_t)getpid();
	c->raw_pending = o->finish_pending;
	skel->rodata->walk_max_frames = o->max_frames ? o->max_frames : FRAMES_USER_DEFAULT;
	skel->rodata->walk_keep_root = o->keep_root;
	return 0;
}

int targets_add(struct waggle_bpf *skel, uint32_t pid)
{
	uint32_t one = 1;

	return bpf_map__update_elem(skel->maps.target_pids, &pid, sizeof(pid), &one, sizeof(one),
				    BPF_ANY);
}

static int targets_put_cgroups(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	for (uint32_t i = 0; i < o->n_cgroups; i++) {
		int fd = cgroup_open(o->cgroups[i], e), code;

		if (fd < 0)
			return fd;
		code = bpf_map__update_elem(skel->maps.target_cgroups, &i, sizeof(i), &fd, sizeof(fd),
					    BPF_ANY);
		close(fd);
		if (code)
			return err_set(e, code, "cannot watch cgroup '%s': %s", o->cgroups[i],
				       strerror(-code));
	}
	return 0;
}

static int targets_follow(struct waggle_bpf *skel, struct err *e)
{
	if (!bpf_program__autoload(skel->progs.cpu_fork) || skel->links.cpu_fork)
		return 0;
	skel->links.cpu_fork = bpf_program__attach(skel->progs.cpu_fork);
	skel->links.cpu_exit = bpf_program__attach(skel->progs.cpu_exit);
	if (!skel->links.cpu_fork || !skel->links.cpu_exit)
		return err_set(e, -errno, "cannot follow forks: %s", strerror(errno));
	return 0;
}

int targets_put(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	uint32_t one = 1;
	int code = 0;

	for (size_t i = 0; i < o->n_pids && !code; i++)
		code = targets_add(skel, o->pids[i]);
	for (size_t i = 0; i < o->n_tids && !code; i++)
		code = bpf_map__update_elem(skel->maps.target_tids, &o->tids[i], sizeof(uint32_t),
					    &one, sizeof(one), BPF_ANY);
	if (code)
		return err_set(e, code, "cannot set the targets: %s", strerror(-code));
	code = targets_put_cgroups(skel, o, e);
	return code ? code : targets_follow(skel, e);
}
