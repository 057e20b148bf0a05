/* clock.c - clocks and durations; see clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t clock_self_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Not getrusage: its peak is inherited through exec, so a big parent would be counted as ours. */
uint64_t clock_self_peak_rss(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %llu kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * 1024;
}

static const struct {
	const char *name;
	double ns;
} duration_units[] = {
	{ "", 1e9 },    { "s", 1e9 },     { "ms", 1e6 },     { "us", 1e3 },
	{ "ns", 1 },    { "m", 60e9 },    { "min", 60e9 },   { "h", 3600e9 },
};

int duration_parse(const char *text, uint64_t *ret_ns)
{
	char *end;
	double v;

	if (*text < '0' || *text > '9') /* no sign, no "inf", no hex surprises */
		return -EINVAL;
	v = strtod(text, &end);
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(*duration_units); i++) {
		if (strcmp(end, duration_units[i].name))
			continue;
		v *= duration_units[i].ns;
		if (!(v >= 0 && v < 9e18))
			return -EINVAL;
		*ret_ns = (uint64_t)(v + 0.5);
		return 0;
	}
	return -EINVAL;
}

char *duration_text(uint64_t ns, char *to, size_t size)
{
	if (ns >= 60 * NSEC_PER_SEC)
		snprintf(to, size, "%.1f min", (double)ns / 60e9);
	else if (ns >= NSEC_PER_SEC)
		snprintf(to, size, "%.2f s", (double)ns / 1e9);
	else if (ns >= 1000000)
		snprintf(to, size, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(to, size, "%.1f us", (double)ns / 1e3);
	return to;
}
