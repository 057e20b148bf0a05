// mix.go - a Go program: its call frame information is in .debug_frame only, its stacks are grown and
// moved, its runtime works on stacks of its own, and it has functions in assembly.
// Usage: mix [SECONDS]  (of processor time)
package main

import (
	"crypto/sha256"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
)

//go:noinline
func goLeaf(n int) int {
	x := n
	for i := 0; i < 20000; i++ {
		x = x*31 + i
	}
	return x
}

//go:noinline
func goRecurse(left int) int {
	var pad [40]byte
	pad[left%40] = byte(left)
	if left == 0 {
		return goLeaf(3) + int(pad[0])
	}
	return goRecurse(left-1) + int(pad[left%40])
}

//go:noinline
func goSort() int {
	s := make([]int, 2000)
	for i := range s {
		s[i] = i * 7919 % 2003
	}
	sort.Slice(s, func(a, b int) bool { return s[a] < s[b] })
	return s[5]
}

//go:noinline
func goPanics() (r int) {
	defer func() {
		if recover() != nil {
			r = goLeaf(1)
		}
	}()
	panic("as asked")
}

// Processor time of the whole process in seconds.
func goUsed() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

//go:noinline
func goWorker(end float64) int {
	sum := 0
	for goUsed() < end {
		sum += goRecurse(50) + goSort() + goPanics()
		sum += int(sha256.Sum256(make([]byte, 4096))[0])
	}
	return sum
}

func main() {
	seconds := 5.0
	if len(os.Args) > 1 {
		seconds, _ = strconv.ParseFloat(os.Args[1], 64)
	}
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			runtime.KeepAlive(goWorker(seconds))
			all.Done()
		}()
	}
	all.Wait()
}
