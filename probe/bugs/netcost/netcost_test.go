package netcost

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"memprobe/probe/bugs"
	"memprobe/probe/timing"
)

func options() timing.Options {
	return timing.Options{Now: timing.Monotonic(), Rounds: 2, Batch: 50 * time.Microsecond, Budget: time.Minute}
}

// reserved is how many mappings nobody may access: each region has several.
func reserved(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte(" ---p "))
}

func TestMeasure(t *testing.T) {
	r, err := Measure(context.Background(), bugs.Setups, options())
	if err != nil {
		t.Fatal(err)
	}
	if r.Blocks != 256 || r.Requested != 256*64 || len(r.Memory) != len(bugs.Setups) || len(r.Timing.Timings) != len(bugs.Setups) {
		t.Fatalf("%d blocks of %d bytes, %d memories, %d timings", r.Blocks, r.Requested, len(r.Memory), len(r.Timing.Timings))
	}
	byName := map[string]Memory{}
	for i, m := range r.Memory {
		byName[m.Net] = m
		if timed := r.Timing.Timings[i]; m.Net != bugs.Setups[i].Name || timed.What != m.Net || (timed.Ratio == nil) != (i == 0) {
			t.Errorf("place %d: %s, %s, ratio %v", i, m.Net, timed.What, timed.Ratio)
		}
		if m.Arena < r.Requested {
			t.Errorf("%s: %d bytes set aside for %d", m.Net, m.Arena, r.Requested)
		}
	}
	// 16, 24, 40, 64, 100, 8, 200 and 60 bytes take 16, 32, 48, 64, 112, 16, 208 and 64.
	if got := byName["no net"].Arena; got != 256/8*560 {
		t.Errorf("no net: %d bytes set aside, want %d", got, 256/8*560)
	}
	if plain := byName["no net"]; byName["canary"].Arena <= plain.Arena || byName["guarded"].Arena < 2*4096*256 || byName["access"].Books <= plain.Books {
		t.Errorf("nets that cost nothing: %+v", r.Memory)
	}
	for name, holds := range map[string]bool{"no net": false, "canary": false, "quarantine": true, "all raw": true, "access": false} {
		if held := byName[name].Held; (held > 0) != holds {
			t.Errorf("%s: %d bytes held when all is freed", name, held)
		}
	}
}

// TestMeasureStops: a measurement that is stopped says so, and leaves nothing mapped.
func TestMeasureStops(t *testing.T) {
	const (
		runs = 20
		ofGo = 8 // mappings that Go itself may make meanwhile
	)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	before := reserved(t)
	for range runs {
		if r, err := Measure(stopped, bugs.Setups, options()); err == nil {
			t.Fatalf("a measurement that was stopped has a result: %+v", r)
		}
	}
	if after := reserved(t); after > before+ofGo {
		t.Errorf("%d mappings without permissions before, %d after %d measurements", before, after, runs)
	}
}
