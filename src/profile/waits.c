/* waits.c - classes of waiting by key and by frame, and what a sample's labels say; see waits.h. */
#include "profile/waits.h"

#include <string.h>

static const struct wait_class_row waits_rows[] = {
#define ROW(id, key, frame, group, text) { key, frame, text, WAIT_GROUP_##group },
#include "profile/waits.def"
#undef ROW
};

const struct wait_class_row *waits_class(enum wait_class c)
{
	return &waits_rows[c];
}

enum wait_class waits_class_of_key(const char *key)
{
	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (strcmp(key, waits_rows[i].key) == 0)
			return (enum wait_class)i;
	return WAIT_CLASS_MAX;
}

enum wait_class waits_class_of_frame(const char *text)
{
	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (*waits_rows[i].frame && strcmp(text, waits_rows[i].frame) == 0)
			return (enum wait_class)i;
	return WAIT_CLASS_MAX;
}

enum wait_class waits_of_labels(const struct profile *p, uint32_t labels, uint64_t *took, const char **lock)
{
	const struct profile_label_set *set = &p->label_sets.at[labels];
	enum wait_class class = WAIT_CLASS_MAX;

	if (took)
		*took = 0;
	if (lock)
		*lock = "";
	for (uint32_t i = 0; i < set->n; i++) {
		const struct profile_label *l = &p->labels.at[set->first + i];
		const char *key = profile_text(p, l->key), *text = profile_text(p, l->text);

		if (strcmp(key, WAITS_LABEL_CLASS) == 0)
			class = waits_class_of_key(text);
		else if (took && strcmp(key, WAITS_LABEL_TOOK) == 0 && !*text && l->number > 0)
			*took = (uint64_t)l->number;
		else if (lock && strcmp(key, WAITS_LABEL_LOCK) == 0)
			*lock = text;
	}
	return class;
}

bool profile_value_is_max(const struct profile *p, uint32_t value)
{
	return strcmp(profile_text(p, p->value_types.at[value].type), WAITS_TYPE_LONGEST) == 0;
}
