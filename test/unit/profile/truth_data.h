/* truth_data.h - the objects, frames and tasks that random profiles of the tests are made of.
 * Labels are written by hand here, so that nobody has to ask the model for them.
 */
#ifndef WAGGLE_TEST_TRUTH_DATA_H
#define WAGGLE_TEST_TRUTH_DATA_H

#include "profile/profile.h"

struct truth_object {
	uint8_t kind;
	const char *path, *label, *build_id;
};

static const struct truth_object truth_objects[] = {
	{OBJECT_NONE, "", "[unknown]", ""},
	{OBJECT_FILE, "/usr/bin/app", "[app]", "aa01"},
	{OBJECT_FILE, "/usr/lib/libfoo.so.1 (deleted)", "[libfoo.so.1]", ""},
	{OBJECT_KERNEL, "[kernel]", "[kernel]", ""},
	{OBJECT_JIT, "[jit]", "[jit]", ""},
};

/* Lines run innermost first, as in the model. */
struct truth_frame {
	uint8_t object, kind;
	uint64_t offset;
	const char *lines[3];
	const char *file;
};

static const struct truth_frame truth_frames[] = {
	{1, FRAME_USER, 0x100, {"main"}, "main.c"},
	{1, FRAME_USER, 0x104, {"main"}, "main.c"},
	{1, FRAME_USER, 0x200, {"leaf", "middle", "outer"}, "app.c"},
	{1, FRAME_USER, 0x208, {"middle", "outer"}, "app.c"},
	{1, FRAME_USER, 0x210, {"outer"}, "app.c"},
	{1, FRAME_USER, 0x300, {"recurse"}, "app.c"},
	{1, FRAME_USER, 0x308, {"recurse", "recurse"}, "app.c"},
	{1, FRAME_USER, 0x400, {NULL}, ""},
	{1, FRAME_USER, 0x408, {NULL}, ""},
	{2, FRAME_USER, 0x100, {"malloc"}, "malloc.c"},
	{2, FRAME_USER, 0x180, {"main"}, "other.c"},
	{2, FRAME_USER, 0x1f40, {NULL}, ""},
	{3, FRAME_KERNEL, 0x10, {"do_syscall_64"}, ""},
	{3, FRAME_KERNEL, 0x20, {"vfs_read"}, ""},
	{3, FRAME_KERNEL, 0x30, {"copy", "vfs_read"}, ""},
	{3, FRAME_KERNEL, 0x40, {NULL}, ""},
	{4, FRAME_JIT, 0x7f0010, {"LFoo;::bar"}, ""},
	{4, FRAME_JIT, 0x7f0020, {NULL}, ""},
	{0, FRAME_USER, 0x999, {NULL}, ""},
	{0, FRAME_USER, 0, {"malloc"}, ""},
	{0, FRAME_OFFCPU, 0, {"[blocked]"}, ""},
};

#define TRUTH_FRAMES (sizeof(truth_frames) / sizeof(*truth_frames))
#define TRUTH_CUT    ((int)TRUTH_FRAMES) /* "[cut: table pending]" in object 1 */

static const struct truth_task {
	uint32_t pid, tid;
	const char *comm, *process;
} truth_tasks[] = {
	{0, 0, "", ""},         {10, 10, "app", "app"},   {10, 11, "worker", "app"},
	{20, 20, "app", "app"}, {30, 31, "io", "server"},
};

#define TRUTH_TASKS (sizeof(truth_tasks) / sizeof(*truth_tasks))

static inline int truth_n_lines(int frame)
{
	int n = 0;

	if (frame == TRUTH_CUT)
		return 1;
	while (n < 3 && truth_frames[frame].lines[n])
		n++;
	return n ? n : 1;
}

static inline const char *truth_label(int frame, int line)
{
	if (frame == TRUTH_CUT)
		return "[cut: table pending]";
	if (truth_frames[frame].lines[line])
		return truth_frames[frame].lines[line];
	return truth_objects[truth_frames[frame].object].label;
}

static inline int truth_kind(int frame, int line)
{
	if (frame == TRUTH_CUT)
		return FRAME_CUT;
	return line + 1 < truth_n_lines(frame) ? FRAME_INLINED : truth_frames[frame].kind;
}

static inline const char *truth_path(int frame)
{
	return truth_objects[frame == TRUTH_CUT ? 1 : truth_frames[frame].object].path;
}

#endif
