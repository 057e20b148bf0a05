/* dump_profile.h - the tables of a profile as text, for `waggle dump profile`. Not thread safe (stdio). */
#ifndef WAGGLE_CLI_DUMP_PROFILE_H
#define WAGGLE_CLI_DUMP_PROFILE_H

#include <stdio.h>

#include "profile/profile.h"

void dump_profile(FILE *to, const struct profile *p);

#endif
