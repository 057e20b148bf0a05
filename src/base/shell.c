/* shell.c - the words that are safe to print in a command; see shell.h. */
#include "base/shell.h"

#include <string.h>

bool shell_is_plain(const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+:~-";

	return *word && *word != '-' && *word != '~' && !word[strspn(word, plain)];
}
