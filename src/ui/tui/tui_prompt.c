/* tui_prompt.c - what is typed at the bottom of the screen: searches, and names of files to save
 * to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "ui/tui/tui_parts.h"

void tui_ask(struct tui *t, enum tui_asks what)
{
	t->asks = what;
	t->typed[0] = 0;
}

/* Every character but letters, digits and '_' loses its meaning. */
static void prompt_quote(char *to, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 3 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80 && c != '_' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z'))
			to[n++] = '\\';
		to[n++] = *text;
	}
	to[n] = 0;
}

void tui_search(struct tui *t, const char *pattern, bool as_is, uint64_t now)
{
	char quoted[2 * PROMPT_MAX], whole[2 * PROMPT_MAX + 2];
	struct regex *r = NULL;
	struct err e = { 0 };

	regex_free(t->search);
	t->search = NULL;
	if (!*pattern)
		return;
	prompt_quote(quoted, sizeof(quoted), pattern);
	snprintf(whole, sizeof(whole), "^%s%s", quoted,
		 strlen(pattern) >= PROMPT_MAX - 1 ? "" : "$");
	if (regex_new(as_is ? whole : pattern, &r, &e)) {
		tui_say(t, now, "%s", e.text);
		return;
	}
	t->search = r;
	t->searches++;
	snprintf(t->searched, sizeof(t->searched), "%s", pattern);
	if (!as_is)
		tui_find(t, 0, now);
}

void tui_find(struct tui *t, int direction, uint64_t now)
{
	int n;
	const struct view *v = view_all(&n)[t->view];

	if (!t->search)
		tui_say(t, now, "nothing to search for: / asks");
	else if (!v->find)
		tui_say(t, now, "this view cannot be searched");
	else if (!v->find(t, t->states[t->view], direction))
		tui_say(t, now, "not found: %s", t->searched);
}

/* The formats that can be written, for whoever wrote a name that says none. */
static void prompt_say_formats(struct tui *t, uint64_t now)
{
	char list[NOTICE_MAX] = "";
	size_t n = 0;

	for (const struct format *const *f = format_all(); *f; f++)
		if ((*f)->write && (*f)->exts[0] && n < sizeof(list) - 32)
			n += (size_t)snprintf(list + n, sizeof(list) - n, " %s", (*f)->exts[0]);
	tui_say(t, now, "the name says the format by its end:%s", list);
}

static void prompt_save(struct tui *t, uint64_t now)
{
	struct format_opts o;
	struct err e = { 0 };

	if (!t->typed[0])
		return;
	if (!strcmp(t->typed, "-") || !format_by_path(t->typed)) {
		prompt_say_formats(t, now);
		return;
	}
	format_opts_default(&o);
	o.tree.root = ROOT_PROCESS;
	if (format_write_file(t->look.snapshot->profile, NULL, t->typed, &o, &e))
		tui_say(t, now, "%s", e.text);
	else
		tui_say(t, now, "saved to %s", t->typed);
}

void tui_prompt_key(struct tui *t, int key, uint64_t now)
{
	size_t n = strlen(t->typed);
	enum tui_asks asks = t->asks;

	if (key == TUI_ESC) {
		t->asks = ASKS_NOTHING;
	} else if (key == TUI_ENTER) {
		t->asks = ASKS_NOTHING;
		if (asks == ASKS_SAVE)
			prompt_save(t, now);
		else
			tui_search(t, t->typed, false, now);
	} else if (key == TUI_BACKSPACE) {
		while (n && ((unsigned char)t->typed[n - 1] & 0xc0) == 0x80)
			n--;
		t->typed[n ? n - 1 : 0] = 0;
	} else if (key >= 0x20 && key < 0x80 && n + 1 < sizeof(t->typed)) {
		t->typed[n] = (char)key;
		t->typed[n + 1] = 0;
	} else if (key >= 0x80 && key < TUI_SPECIAL) {
		struct buf b = { 0 };

		grid_put_utf8(&b, (uint32_t)key);
		if (!b.err && n + b.len < sizeof(t->typed)) {
			memcpy(t->typed + n, b.data, b.len);
			t->typed[n + b.len] = 0;
		}
		buf_free(&b);
	}
}
