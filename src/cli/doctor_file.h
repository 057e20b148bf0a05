/* doctor_file.h - `waggle doctor FILE|PID`: what a file, or all files of a process, lack for whole stacks
 * and names, and how to get it. */
#ifndef WAGGLE_CLI_DOCTOR_FILE_H
#define WAGGLE_CLI_DOCTOR_FILE_H

#include <stdbool.h>

#include "cli/names_options.h"

/* A word of digits is a process, any other a file. Returns an exit code: EXIT_DONE when the answer was
 * given, whatever it was. */
int doctor_target(const char *word, const struct names_opts *names, bool json);

#endif
