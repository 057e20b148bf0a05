/* prog.cc - inlining through templates, lambdas, members, local types and several files, cold parts, and a
 * function the linker may drop; small enough to be built in twenty flavours. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "prog.h"

namespace deep {
struct box {
	int v;
	explicit box(int x) : v(square(x)) {}
	int get(int k) const { return square(v) + other(k); }
	virtual ~box() { keep(v); }
};

template <class T> int sum(const std::vector<T> &all)
{
	int s = 0;

	for (const auto &x : all)
		s += x.get(3);
	return s;
}
}

static void __attribute__((noinline, cold)) give_up(int x)
{
	std::printf("%d\n", x);
	std::exit(x);
}

int dropped(int x)
{
	return square(x) + 1;
}

int main(int argc, char **argv)
{
	struct local {
		static int __attribute__((noinline)) twice(int x) { return square(x) * 2; }
	};
	std::map<std::string, int> names;
	std::vector<deep::box> boxes;
	std::vector<int> numbers;

	for (int i = 0; i < argc * 10; i++) {
		numbers.push_back(square(i));
		boxes.emplace_back(i);
	}
	std::sort(numbers.begin(), numbers.end(), [](int a, int b) { return other(a) < other(b); });
	for (int x : numbers)
		names[std::to_string(x)] = local::twice(x);
	if (deep::sum(boxes) == 12345)
		give_up(square(argc));
	for (auto &n : names)
		keep(n.second);
	return argc == 99 ? other(argc) : 0;
}
