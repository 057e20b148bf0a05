/* read_files.c - profiles of any known format, merged; see read_files.h. */
#include "cli/read_files.h"

#include "format/format.h"
#include "profile/filter.h"

int read_files(const struct option_rest *rest, struct profile **ret, struct err *e)
{
	struct profile *all = NULL, *next;

	for (size_t i = 0; i < rest->words.n; i++) {
		int rc = format_read_file(rest->words.at[i], 0, &next, e);

		if (!rc && all) {
			rc = profile_merge(all, next, e);
			profile_free(next);
			if (rc)
				err_prefix(e, "'%s' does not go with '%s'", rest->words.at[i],
					   rest->words.at[0]);
		} else if (!rc) {
			all = next;
		}
		if (rc) {
			profile_free(all);
			return rc;
		}
	}
	*ret = all;
	return 0;
}
