/* demangle_test.c - readable names; c++filt is the independent judge for a real library's names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "symbol/symbolizer.h"

static void expect(const char *name, const char *readable)
{
	char *text = demangle(name);

	if (readable) {
		assert_non_null(text);
		assert_string_equal(text, readable);
	} else {
		assert_null(text);
	}
	free(text);
}

static void cxx_names_lose_parameters_and_keep_templates(void **state)
{
	expect("_ZN3foo3barEi", "foo::bar");
	expect("_ZSt4sortIPiEvT_S1_", "std::sort<int*>");
	expect("_ZNKSt6vectorIiSaIiEE4sizeEv", "std::vector<int, std::allocator<int> >::size");
	expect("_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run");
}

static void rust_names_lose_their_hash(void **state)
{
	expect("_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE",
	       "core::fmt::Formatter::write_str");
	expect("_ZN66_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop"
	       "17h00112233445566aaE.llvm.12345",
	       "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop");
	expect("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
	expect("_RNvCs1234_7mycrate4main.llvm.99", "mycrate::main");
}

static void suffixes_stay_as_c_shows_them(void **state)
{
	expect("_ZN3foo3barEi.cold", "foo::bar.cold");
	expect("_ZN3foo3barEi.part.0.cold", "foo::bar.part.0.cold");
	expect("_ZN3foo3barEi.isra.0", "foo::bar.isra.0");
	expect("_ZN3foo3barEi@plt", "foo::bar@plt");
	/* C++ that merely looks like Rust: something follows the E of the hash */
	expect("_ZN3foo17h0123456789abcdefEv", "foo::h0123456789abcdef");
}

static void what_is_not_mangled_is_left(void **state)
{
	expect("", NULL);
	expect("main", NULL);
	expect("_Z", NULL);
	expect("_R", NULL);
	expect("_Zero", NULL);
	expect("memcpy@plt", NULL);
	expect("foo.cold", NULL);
}

static void hostile_names_are_left(void **state)
{
	char *deep = calloc(1, 40001), *text;
	char wide[1024] = "_Z1fI1A";

	memset(deep, 'P', 15000);
	memcpy(deep, "_Z1f", 4);
	deep[15000] = 'i';
	expect(deep, NULL);
	memset(deep + 15000, 'P', 25000);
	expect(deep, NULL);
	free(deep);
	/* every argument is a pair of the one before, so the text doubles each time */
	strcat(wide, "1BIS_S_E");
	for (int i = 2; i < 110; i += 2) { /* back references, in base 36 */
		static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
		char back[16];

		if (i < 36)
			snprintf(back, sizeof(back), "S%c_", digit[i]);
		else
			snprintf(back, sizeof(back), "S%c%c_", digit[i / 36], digit[i % 36]);
		strcat(strcat(strcat(strcat(wide, "1BI"), back), back), "E");
	}
	strcat(wide, "Evv");
	text = demangle(wide);
	assert_null(text);
	free(text);
}

/* Names with abbreviations (std::string) and transactional clones are spelled out by c++filt. */
static void agrees_with_cxxfilt(void **state)
{
	FILE *in =
		popen("t=$(mktemp); nm -D --defined-only $(gcc -print-file-name=libstdc++.so.6) | "
		      "awk '$3 ~ /^_Z/ { sub(/@.*/, \"\", $3); "
		      "if ($3 !~ /S[absiod]|[.]|^_ZGTt/) print $3 }' | sort -u > $t; "
		      "c++filt -p < $t | paste -d '\\t' $t -; rm $t",
		      "r");
	static char line[65536];
	size_t n = 0, same = 0;

	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		char *tab = strchr(line, '\t'), *text;

		line[strcspn(line, "\n")] = '\0';
		assert_non_null(tab);
		*tab = '\0';
		text = demangle(line);
		n++;
		if (strcmp(text ? text : line, tab + 1) == 0)
			same++;
		else
			print_message("%s: '%s', c++filt '%s'\n", line, text ? text : "-", tab + 1);
		free(text);
	}
	assert_int_equal(pclose(in), 0);
	assert_true(n > 500);
	assert_int_equal(same, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cxx_names_lose_parameters_and_keep_templates),
		cmocka_unit_test(rust_names_lose_their_hash),
		cmocka_unit_test(suffixes_stay_as_c_shows_them),
		cmocka_unit_test(what_is_not_mangled_is_left),
		cmocka_unit_test(hostile_names_are_left),
		cmocka_unit_test(agrees_with_cxxfilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
