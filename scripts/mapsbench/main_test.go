package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestAgainst: each is compared with one that is there.
func TestAgainst(t *testing.T) {
	all := contenders("memprobe", "1")
	names := map[string]bool{}
	for _, c := range all {
		if names[c.name] {
			t.Errorf("%s is there twice", c.name)
		}
		names[c.name] = true
	}
	for _, c := range all {
		if !names[c.against] {
			t.Errorf("%s is compared with %q, which is not there", c.name, c.against)
		}
	}
}

// TestRows: median, least and peak of the times in any order; a ratio only to what is
// here.
func TestRows(t *testing.T) {
	all := []contender{
		{"cat", nil, "cat", 0}, {"quick", nil, "cat", 2.5}, {"pmap", nil, "cat", 0}, {"alone", nil, "pmap", 1.5},
	}
	results := map[string]*result{
		"cat": {[]float64{30, 10, 20}, 1024}, "quick": {[]float64{25, 50, 24}, 2560}, "alone": {[]float64{7}, 512},
	}
	var got bytes.Buffer
	rows(&got, all, results)
	const want = `                                    median     least      peak  to cat (goal)
cat                                20.0 ms   10.0 ms   1.0 MiB  1.00
quick                              25.0 ms   24.0 ms   2.5 MiB  1.25 (2.5 at most)
pmap                             is not here
alone                               7.0 ms    7.0 ms   0.5 MiB
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// TestUsage: what is wrong is told, with both ways to call it.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"hold"}, {"hold", "0"}, {"hold", "many"}, {"1", "2"}, {"0", "2", "memprobe"}, {"1", "-2", "memprobe"}} {
		var out, said bytes.Buffer
		if code := run(args, &out, &said); code != 2 || !strings.Contains(said.String(), "mapsbench ROUNDS") || !strings.Contains(said.String(), "mapsbench hold") || out.Len() > 0 {
			t.Errorf("mapsbench %q: exit code %d, %s%s", args, code, &out, &said)
		}
	}
}
