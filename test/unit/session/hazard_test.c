/* hazard_test.c - which kernels are turned away for their faults, and how a kernel's true version is told
 * when the release's name does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/version.h>
#include <stdlib.h>
#include <string.h>

#include "session/hazard.h"

#define V KERNEL_VERSION

static const struct hazard *hazard_of(const char *key, uint32_t version, const char *arch)
{
	size_t n;
	const struct hazard *all = hazard_all(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].key, key) && hazard_affects(&all[i], version, arch))
			return &all[i];
	return NULL;
}

static void every_row_says_what_is_done(void **state)
{
	size_t n;
	const struct hazard *h = hazard_all(&n);

	assert_true(n >= 8);
	for (size_t i = 0; i < n; i++) {
		assert_true(*h[i].key && *h[i].fault && *h[i].guard);
		assert_true(h[i].state < HAZARD_STATE_MAX && *hazard_word(h[i].state));
		assert_true(h[i].from && (!h[i].to || h[i].from < h[i].to));
	}
}

static void the_name_of_a_release_is_not_its_version(void **state)
{
	assert_int_equal(hazard_version("6.18.44-x", "#1 SMP", ""), V(6, 18, 44));
	assert_int_equal(hazard_version("6.1.25-37.47.amzn2023.x86_64", "#1 SMP", ""), V(6, 1, 25));
	assert_int_equal(hazard_version("6.1.0-50-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-07-01)", ""),
			 V(6, 1, 176));
	assert_int_equal(hazard_version("6.2.0-26-generic", "#26~22.04.1-Ubuntu SMP", "Ubuntu 6.2.0-26.26 6.2.13"),
			 V(6, 2, 13));
	assert_int_equal(hazard_version("7.0-rc1", "", ""), V(7, 0, 0));
	assert_int_equal(hazard_version("4.4.302-generic", "", ""), V(4, 4, 255));
}

static void odd_versions_are_no_versions(void **state)
{
	assert_int_equal(hazard_version("", "", ""), 0);
	assert_int_equal(hazard_version("linux", "Debian sid", "x y"), 0);
	assert_int_equal(hazard_version("999.1.1", "", ""), 0);
	/* Another kernel's version in the text is not this one's. */
	assert_int_equal(hazard_version("6.12.3", "built on Debian 6.1.20-1", ""), V(6, 12, 3));
	assert_int_equal(hazard_version("6.12.3", "", "with gcc 12.2.0"), V(6, 12, 3));
}

/* The mended releases are those of the stable branches: 6.1.36, 6.3.10, 6.4. */
static void a_kernel_that_can_lock_up_is_refused(void **state)
{
	static const uint32_t bad[] = { V(5, 19, 0), V(6, 0, 19), V(6, 1, 0), V(6, 1, 35), V(6, 2, 0),
					V(6, 2, 16), V(6, 3, 9) };
	static const uint32_t good[] = { V(6, 1, 36), V(6, 1, 176), V(6, 3, 10), V(6, 4, 0), V(6, 12, 95),
					 V(6, 18, 44), V(7, 2, 13) };
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(hazard_refusal(bad[i], "x86_64", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "Linux 6.3.9 has a fault"));
	assert_non_null(strstr(e.text, "6.1.36"));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(hazard_refusal(good[i], "x86_64", &e), 0);
	assert_int_equal(hazard_refusal(0, "x86_64", &e), 0); /* no version, no accusation */
}

static void the_user_may_know_better(void **state)
{
	struct err e = { 0 };

	setenv("WAGGLE_IGNORE_HAZARDS", "old,nmi_read", 1);
	assert_int_equal(hazard_refusal(V(6, 1, 20), "x86_64", &e), 0);
	setenv("WAGGLE_IGNORE_HAZARDS", "nmi_read,", 1);
	assert_int_equal(hazard_refusal(V(6, 1, 20), "x86_64", &e), 0);
	setenv("WAGGLE_IGNORE_HAZARDS", "nmi_reader,nmi,", 1);
	assert_int_equal(hazard_refusal(V(6, 1, 20), "x86_64", &e), -ENOTSUP);
	setenv("WAGGLE_IGNORE_HAZARDS", "", 1);
	assert_int_equal(hazard_refusal(V(6, 1, 20), "x86_64", &e), -ENOTSUP);
	unsetenv("WAGGLE_IGNORE_HAZARDS");
}

static void others_are_avoided_or_never_met(void **state)
{
	assert_int_equal(hazard_of("uprobe_helper", V(6, 6, 58), "x86_64")->state, HAZARD_ROUTE);
	assert_null(hazard_of("uprobe_helper", V(6, 13, 0), "x86_64"));
	assert_int_equal(hazard_of("private_stack", V(7, 0, 0), "x86_64")->state, HAZARD_NOT_USED);
	assert_null(hazard_of("private_stack", V(7, 0, 0), "aarch64"));
	assert_int_equal(hazard_of("exit_format", V(6, 16, 0), "x86_64")->state, HAZARD_ROUTE);
	assert_int_equal(hazard_of("old_uprobe", V(4, 19, 9), "x86_64")->state, HAZARD_REFUSE);
	assert_non_null(hazard_of("arm64_walk", V(6, 1, 90), "aarch64"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_says_what_is_done),
		cmocka_unit_test(the_name_of_a_release_is_not_its_version),
		cmocka_unit_test(odd_versions_are_no_versions),
		cmocka_unit_test(a_kernel_that_can_lock_up_is_refused),
		cmocka_unit_test(the_user_may_know_better),
		cmocka_unit_test(others_are_avoided_or_never_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
