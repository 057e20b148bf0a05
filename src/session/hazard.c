/* hazard.c - the table of hazards.def and the version it is asked with; see hazard.h. */
#include "session/hazard.h"

#include <errno.h>
#include <linux/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V(major, minor, sub) KERNEL_VERSION(major, minor, sub)
#define ROW(key, from, to, arch, state, fault, guard) \
	{ key, from, to, arch, HAZARD_##state, fault, guard },
static const struct hazard hazards[] = {
#include "session/hazards.def"
};
#undef ROW
#undef V

static const char *const hazard_words[HAZARD_STATE_MAX] = {
	[HAZARD_REFUSE] = "refused",
	[HAZARD_ROUTE] = "avoided",
	[HAZARD_NOT_USED] = "not used",
};

const struct hazard *hazard_all(size_t *ret_n)
{
	*ret_n = sizeof(hazards) / sizeof(*hazards);
	return hazards;
}

const char *hazard_word(enum hazard_state state)
{
	return hazard_words[state];
}

/* "6.1.176-1 (2026-..)" is 6.1.176; a sublevel may be missing. 0 when it is no version. */
static uint32_t hazard_parse(const char *text)
{
	unsigned int major, minor, sub = 0;

	if (sscanf(text, "%3u.%3u.%5u", &major, &minor, &sub) < 2 || major > 255 || minor > 255)
		return 0;
	return (uint32_t)KERNEL_VERSION(major, minor, sub > 255 ? 255 : sub);
}

uint32_t hazard_version(const char *release, const char *version, const char *signature)
{
	const char *debian = strstr(version, "Debian "), *last = strrchr(signature, ' ');
	uint32_t plain = hazard_parse(release), said = 0;

	if (debian)
		said = hazard_parse(debian + strlen("Debian "));
	else if (last)
		said = hazard_parse(last + 1);
	/* Believed only about the sublevel: anything else was not meant to be the kernel's version. */
	return said >> 8 == plain >> 8 ? said : plain;
}

bool hazard_affects(const struct hazard *h, uint32_t version, const char *arch)
{
	return version >= h->from && (!h->to || version < h->to) && (!h->arch || !strcmp(arch, h->arch));
}

static bool hazard_ignored(const char *key)
{
	const char *at = getenv("WAGGLE_IGNORE_HAZARDS");
	size_t n = strlen(key);

	for (; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (!strncmp(at, key, n) && (!at[n] || at[n] == ','))
			return true;
	return false;
}

int hazard_refusal(uint32_t version, const char *arch, struct err *e)
{
	for (size_t i = 0; i < sizeof(hazards) / sizeof(*hazards); i++) {
		const struct hazard *h = &hazards[i];

		if (h->state != HAZARD_REFUSE || !hazard_affects(h, version, arch) || hazard_ignored(h->key))
			continue;
		return err_set(e, -ENOTSUP,
			       "Linux %u.%u.%u has a fault waggle would meet: %s; %s "
			       "(WAGGLE_IGNORE_HAZARDS=%s if yours is mended)",
			       version >> 16, version >> 8 & 255, version & 255, h->fault, h->guard, h->key);
	}
	return 0;
}
