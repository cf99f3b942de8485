package main

import (
	"testing"

	"memprobe/layout/addr"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]addr.Bytes{
		"0": 0, "1": 1, "65536": 65536, "65,536": 65536, "0x10": 16, "0xffffffffffffffff": 1<<64 - 1,
		"8K": 8 << 10, "8k": 8 << 10, "8KiB": 8 << 10, "8 KiB": 8 << 10, "8kib": 8 << 10, "8KB": 8000, "8kB": 8000, "8B": 8,
		"1.5M": 3 << 19, "1MiB": 1 << 20, "2G": 2 << 30, "3T": 3 << 40, "1P": 1 << 50, "1E": 1 << 60, "0x1e": 30,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "K", "many", "-1", "8KK", "8Q", "8 K K", "0x", "0xg", "0x10K", "16E", "1e3", "18446744073709551616", "NaN", "Inf", "4 ", " 4", "4K "} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}
