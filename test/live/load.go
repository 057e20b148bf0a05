// load.go SECONDS - a Go program with something to do: goroutines that sort, hash, build maps and format, on
// stacks that Go grows and moves; its call frame information is in .debug_frame only.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:noinline
func loadDeep(n int) int {
	var pad [64]byte
	pad[n%64] = byte(n)
	if n == 0 {
		sum := sha256.Sum256(make([]byte, 4096))
		return int(sum[0])
	}
	return loadDeep(n-1) + int(pad[n%64])
}

func loadWork(until time.Time) int {
	total := 0
	for time.Now().Before(until) {
		words := map[string][]int{}
		for i := 0; i < 500; i++ {
			key := fmt.Sprintf("key%d", i*7919%97)
			words[key] = append(words[key], i)
		}
		keys := make([]string, 0, len(words))
		for k := range words {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		total += len(strings.Join(keys, ",")) + loadDeep(40)
	}
	return total
}

func main() {
	seconds, _ := strconv.ParseFloat(os.Args[1], 64)
	until := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	var wait sync.WaitGroup
	for i := 0; i < 4; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			loadWork(until)
		}()
	}
	wait.Wait()
}
