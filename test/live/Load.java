/* Load.java SECONDS - a Java program with something to do, in methods the JIT compiles without frame
 * pointers: what a profiler can honestly say about it is the test.
 */
import java.util.HashMap;
import java.util.Map;

public class Load {
	static int inner(int n) {
		Map<Integer, String> m = new HashMap<>();
		int x = 0;

		for (int i = 0; i < n; i++) {
			m.put(i * 31 % 977, Integer.toString(i));
			x += m.get(i * 31 % 977).hashCode();
		}
		return x;
	}

	static int outer(int n) {
		return inner(n) ^ inner(n + 1);
	}

	public static void main(String[] args) {
		long end = System.nanoTime() + (long) (Double.parseDouble(args[0]) * 1e9);
		int x = 0;

		while (System.nanoTime() < end)
			x += outer(5000);
		System.out.println(x);
	}
}
