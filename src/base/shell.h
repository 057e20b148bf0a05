/* shell.h - what may stand in a command that we suggest to type. Thread safe. */
#ifndef WAGGLE_BASE_SHELL_H
#define WAGGLE_BASE_SHELL_H

#include <stdbool.h>

/* Does a shell take the word as it is? Paths and names of packages come from anywhere, and what we print
 * is copied. Plain are letters, digits and / . _ + : ~ -, the last two not at the front; "" is not. */
bool shell_is_plain(const char *word);

#endif
