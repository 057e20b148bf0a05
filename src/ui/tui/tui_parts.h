/* tui_parts.h - struct tui, for the views and the files that run them. */
#ifndef WAGGLE_UI_TUI_TUI_PARTS_H
#define WAGGLE_UI_TUI_TUI_PARTS_H

#include "base/buf.h"
#include "base/regex.h"
#include "ui/tui/look.h"
#include "ui/tui/paper.h"
#include "ui/tui/theme.h"
#include "ui/tui/tui.h"
#include "ui/tui/view.h"

enum { VIEWS_MAX = 16, PROMPT_MAX = 200, NOTICE_MAX = 300 };

enum tui_mode { MODE_ALL, MODE_LAST_10, MODE_LAST_60, MODE_DECAY, MODE_MAX };
enum tui_switch { SWITCH_ALL, SWITCH_ON, SWITCH_OFF, SWITCH_MAX };
enum tui_asks { ASKS_NOTHING, ASKS_SEARCH, ASKS_SAVE };

struct tui {
	struct tui_opts o;
	struct theme theme;
	struct look look;
	struct live_state state;
	int view, n_views;
	void *states[VIEWS_MAX];
	/* What is looked at. */
	enum tui_mode mode;
	enum tui_switch classes;
	uint64_t since;     /* ns of the capture: MODE_ALL counts from here */
	uint64_t from, to;  /* a chosen range; to == 0: none */
	uint32_t pid, tid;  /* only these; 0 = all */
	bool frozen, help, over, stale;
	uint64_t seen, next_look; /* generation of the snapshot; when the next may be made */
	uint64_t look_at, look_cpu; /* when it was made, and the thread's CPU time before; 0 = it was drawn */
	/* Search, prompt, notice. */
	struct regex *search;
	char searched[PROMPT_MAX];
	uint64_t searches;  /* so far */
	enum tui_asks asks;
	char typed[PROMPT_MAX];
	char notice[NOTICE_MAX];
	uint64_t notice_until;
	char *copied;
	struct paper paper; /* what the command wrote */
	int width, height;  /* of the last drawing */
	struct grid scratch;
	uint64_t looks;     /* snapshots taken */
	int drawn_view;     /* which view was drawn last, and from which of them */
	uint64_t drawn_look;
};

/* Does a search find this name? */
bool tui_finds(const struct tui *t, const char *name);
/* Something about what is looked at changed: a new snapshot at once. */
void tui_change(struct tui *t);
void tui_say(struct tui *t, uint64_t now, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The range in words: "all", "last 10 s", "12.0 s to 15.0 s". Returns `to`. */
const char *tui_range_text(const struct tui *t, char *to, size_t size);
/* The query for what is looked at. `pids` and `tids` are room for one each. */
struct live_query tui_query(const struct tui *t, uint32_t *pids, uint32_t *tids);

/* -- tui_prompt.c -- */
void tui_ask(struct tui *t, enum tui_asks what);
void tui_prompt_key(struct tui *t, int key, uint64_t now);
/* Searches for a text as it is, or for a pattern. */
void tui_search(struct tui *t, const char *pattern, bool as_is, uint64_t now);
void tui_find(struct tui *t, int direction, uint64_t now);

#endif
