/* oracle_report.h - what `waggle cpu --oracle` found, for people and for scripts. */
#ifndef WAGGLE_CLI_ORACLE_REPORT_H
#define WAGGLE_CLI_ORACLE_REPORT_H

#include <stdio.h>

#include "base/out.h"
#include "session/oracle_session.h"

/* A few lines, a table of files and causes, and examples of what differs, to a stream. */
void oracle_report_print(const struct oracle_report *r, FILE *to);
/* One JSON object. */
void oracle_report_json(const struct oracle_report *r, struct out *to);

#endif
