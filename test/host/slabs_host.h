/* slabs_host.h - the walker's tables for the host: what the store writes, and how programs look it up. To
 * be included once, behind bpf_host.h and the walker; files, mappings and what is announced are up to the
 * one who includes it.
 */
#ifndef WAGGLE_TEST_SLABS_HOST_H
#define WAGGLE_TEST_SLABS_HOST_H

#include "unwind/store.h"

static struct walk host_walk;
static struct file_slot host_files[FILES_MAX];
static struct unwind_rule host_rules[RULES_MAX];
static uint32_t *host_slabs[SLABS_MAX];
static struct rules *host_dictionary;
static struct store *host_store;

/* Of the maps that are arrays here, and of an inner map, which is the slab itself. */
static void *host_array_find(void *map, const void *key)
{
	uint32_t k;

	memcpy(&k, key, sizeof(k));
	if (map == &scratch)
		return &host_walk;
	if (map == &files)
		return k < FILES_MAX ? &host_files[k] : NULL;
	if (map == &rules)
		return k < RULES_MAX ? &host_rules[k] : NULL;
	if (map == &slabs)
		return k < SLABS_MAX && host_slabs[k] ? &host_slabs[k] : NULL;
	return *(uint32_t **)map;
}

static uint32_t *slab_open(void *ctx, uint32_t k, uint32_t in)
{
	if (!host_slabs[k])
		host_slabs[k] = calloc(SLAB_WORDS, sizeof(uint32_t));
	return host_slabs[k] + in;
}

static void slab_close(void *ctx, uint32_t k, uint32_t *words)
{
}

static const struct store_ops host_ops = { slab_open, slab_close };

#endif
