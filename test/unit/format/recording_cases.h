/* recording_cases.h - random profiles for the tests of recordings, made step by step so that a
 * flush can come between any two, and reading back what was written to memory.
 *
 * Value 1 of each sample is its number: that is how a test knows which sample it has before it.
 */
#ifndef TEST_UNIT_FORMAT_RECORDING_CASES_H
#define TEST_UNIT_FORMAT_RECORDING_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/recording.h"
#include "format/recording_layout.h"

struct case_random {
	uint64_t state;
	uint32_t serial; /* of names that must not repeat */
	bool once;       /* frames that have names keep them */
	bool plain;      /* no NULs in strings */
};

static inline uint32_t case_below(struct case_random *r, uint32_t n)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(map64_mix(r->state) % n);
}

static inline uint32_t case_name(struct profile *p, struct case_random *r, const char *stem)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s_%u", stem, r->serial++);

	if (case_below(r, 16) == 0 && !r->plain)
		text[1] = 0; /* strings are bytes, NULs included */
	return profile_strn(p, text, (size_t)n);
}

static inline void case_lines(struct profile *p, struct case_random *r, struct profile_line *to,
			      uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		to[i] = (struct profile_line){ .function = case_name(p, r, "function"),
					       .line = case_below(r, 5000) };
		to[i].file = case_below(r, 2) ? case_name(p, r, "file.c") : 0;
		to[i].system = case_below(r, 3) ? 0 : case_name(p, r, "_ZN");
	}
}

static inline void case_object(struct profile *p, struct case_random *r)
{
	struct profile_object o = { .kind = (uint8_t)case_below(r, OBJECT_KIND_MAX),
				    .path = case_name(p, r, "/usr/lib/lib"),
				    .build_id = case_below(r, 2) ? case_name(p, r, "abcd") : 0,
				    .pid = case_below(r, 3),
				    .start = case_below(r, 4) * UINT64_C(0x7fff00001000) };

	o.limit = o.start + case_below(r, 1 << 20);
	o.file_offset = case_below(r, 1 << 16);
	profile_object(p, &o);
}

static inline void case_frame(struct profile *p, struct case_random *r)
{
	struct profile_line lines[4] = { 0 };
	uint32_t object = case_below(r, (uint32_t)p->objects.n);
	uint64_t offset = (uint64_t)r->serial++ << case_below(r, 40);
	uint16_t n = (uint16_t)(1 + case_below(r, 4));

	if (case_below(r, 3)) {
		profile_frame_at(p, object, offset, case_below(r, 3));
		return;
	}
	case_lines(p, r, lines, n);
	profile_frame_named(p, object, offset, case_below(r, 3), lines, n);
}

static inline void case_set_names(struct profile *p, struct case_random *r)
{
	struct profile_line lines[4] = { 0 };
	uint32_t frame = case_below(r, (uint32_t)p->frames.n);
	uint16_t n = (uint16_t)(1 + case_below(r, 4));

	if (!frame || (r->once && p->frames.at[frame].n_lines))
		return;
	if (case_below(r, 3)) {
		case_lines(p, r, lines, n);
		profile_frame_set_lines(p, frame, lines, n);
	} else {
		profile_frame_set_unnamed(p, frame, 1 + case_below(r, UNNAMED_MAX - 1));
	}
}

static inline void case_sample(struct profile *p, struct case_random *r)
{
	int64_t values[2] = { (int64_t)case_below(r, 1000) - 500, (int64_t)p->samples.n };
	struct profile_sample s = { .time = p->samples.n * UINT64_C(10101010) + case_below(r, 9999),
				    .stack = case_below(r, (uint32_t)p->nodes.n),
				    .task = case_below(r, (uint32_t)p->tasks.n),
				    .labels = case_below(r, (uint32_t)p->label_sets.n),
				    .cpu = (uint16_t)case_below(r, 300) };

	if (case_below(r, 10) == 0)
		s.time = PROFILE_NO_TIME;
	profile_sample(p, &s, values);
}

static inline void case_labels(struct profile *p, struct case_random *r)
{
	struct profile_label set[3] = { 0 };
	uint32_t n = 1 + case_below(r, 3);

	for (uint32_t i = 0; i < n; i++) {
		set[i].key = case_name(p, r, "key");
		if (case_below(r, 2))
			set[i].text = case_name(p, r, "text");
		else
			set[i].number = (int64_t)case_below(r, 100) - 50;
	}
	profile_labels(p, set, n);
}

/* One random thing is added, or named. */
static inline void case_step(struct profile *p, struct case_random *r)
{
	uint32_t what = case_below(r, 20);
	char comm[32];

	snprintf(comm, sizeof(comm), "comm-%u", case_below(r, 9));
	if (what < 1)
		case_object(p, r);
	else if (what < 5)
		case_frame(p, r);
	else if (what < 7)
		case_set_names(p, r);
	else if (what < 12)
		profile_push(p, case_below(r, (uint32_t)p->nodes.n),
			     case_below(r, (uint32_t)p->frames.n));
	else if (what < 13)
		profile_task(p, 1 + case_below(r, 9), 1 + r->serial++, comm, "process");
	else if (what < 14)
		case_labels(p, r);
	else
		case_sample(p, r);
}

#endif
