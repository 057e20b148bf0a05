// mix.rs - Rust with generics, closures, trait objects, sorting, hashing and threads, optimised and
// without frame pointers: names must come out demangled.
// Usage: mix [SECONDS]      Build: rustc -O -g mix.rs
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

trait Work {
    fn run(&self, n: u64) -> u64;
}

struct Collatz;
struct Words(Vec<String>);

impl Work for Collatz {
    #[inline(never)]
    fn run(&self, n: u64) -> u64 {
        (1..n)
            .map(|mut x| {
                let mut steps = 0u64;
                while x != 1 {
                    x = if x % 2 == 0 { x / 2 } else { 3 * x + 1 };
                    steps += 1;
                }
                steps
            })
            .max()
            .unwrap_or(0)
    }
}

impl Work for Words {
    #[inline(never)]
    fn run(&self, n: u64) -> u64 {
        let mut count: HashMap<&str, u64> = HashMap::new();
        for i in 0..n {
            *count.entry(&self.0[(i as usize * 7919) % self.0.len()]).or_default() += i;
        }
        let mut sorted: Vec<_> = count.into_iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        sorted[0].1
    }
}

#[inline(never)]
fn worker(list: &[Box<dyn Work + Send + Sync>], until: Instant) -> u64 {
    let mut sum = 0u64;
    while Instant::now() < until {
        for w in list {
            sum = sum.wrapping_add(black_box(w.run(5000)));
        }
    }
    sum
}

fn main() {
    let seconds: f64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(5.0);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let words = (0..500).map(|i| format!("word{}", i * i)).collect();
    let list: Vec<Box<dyn Work + Send + Sync>> = vec![Box::new(Collatz), Box::new(Words(words))];
    let sum: u64 = std::thread::scope(|s| {
        let a = s.spawn(|| worker(&list, until));
        worker(&list, until).wrapping_add(a.join().unwrap())
    });
    println!("{sum}");
}
