/* list.h - a list with a cursor, of which a part is visible. Thread safety: none. */
#ifndef WAGGLE_UI_TUI_LIST_H
#define WAGGLE_UI_TUI_LIST_H

#include <stdbool.h>

struct list {
	int at, top, n, page; /* cursor, first row shown, rows, rows that fit */
};

/* As many rows as there are now and fit; the cursor stays where it can. */
void list_fit(struct list *l, int n, int page);
/* True when the key moved the cursor or could have. */
bool list_key(struct list *l, int key);
void list_go(struct list *l, int at);

#endif
