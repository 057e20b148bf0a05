/* generic.cc - C++ with templates, lambdas, virtual calls, std::sort and exceptions, mostly inlined:
 * names must come out demangled and the walk must get past the exception machinery.
 * Usage: generic [SECONDS]
 * CFLAGS: -std=c++17 -O2 -fomit-frame-pointer
 */
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace zoo
{
struct shape {
	virtual ~shape() = default;
	virtual double area(int n) const = 0;
};

template <int Sides> struct polygon : shape {
	__attribute__((noinline)) double area(int n) const override
	{
		double x = 0;

		for (int i = 1; i < n; i++)
			x += static_cast<double>(Sides) / (i + x);
		return x;
	}
};

template <typename T, typename Less> __attribute__((noinline)) T sort_and_pick(std::vector<T> v, Less l)
{
	std::sort(v.begin(), v.end(), l);
	return v[v.size() / 2];
}

__attribute__((noinline)) int throw_at_depth(int n)
{
	if (n == 0)
		throw std::runtime_error("bottom");
	return throw_at_depth(n - 1) + 1;
}

__attribute__((noinline)) int catch_some()
{
	int n = 0;

	for (int i = 0; i < 300; i++) {
		try {
			n += throw_at_depth(6);
		} catch (const std::runtime_error &e) {
			n += static_cast<int>(e.what()[0]);
		}
	}
	return n;
}
} // namespace zoo

int main(int argc, char **argv)
{
	using clock = std::chrono::steady_clock;
	auto end = clock::now() + std::chrono::duration<double>(argc > 1 ? atof(argv[1]) : 5);
	std::vector<std::unique_ptr<zoo::shape>> shapes;
	std::map<std::string, std::function<double(int)>> work;
	double sum = 0;

	shapes.push_back(std::make_unique<zoo::polygon<3>>());
	shapes.push_back(std::make_unique<zoo::polygon<4>>());
	work["areas"] = [&](int n) {
		double x = 0;

		for (auto &s : shapes)
			x += s->area(n);
		return x;
	};
	work["sort"] = [&](int n) {
		std::vector<double> v(static_cast<size_t>(n));

		for (auto &x : v)
			x = rand();
		return zoo::sort_and_pick(v, [](double a, double b) { return a > b; });
	};
	work["throw"] = [&](int) { return static_cast<double>(zoo::catch_some()); };
	while (clock::now() < end)
		for (auto &[name, run] : work)
			sum += run(20000);
	printf("%g\n", sum);
	return 0;
}
