package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// trace is as much of memprobe's JSON as is compared here.
type trace struct {
	Scenario string
	Source   []string
	Steps    []step
}

type step struct {
	N       int
	Title   string
	Line    int
	Frames  []frame
	Popped  []frame
	Events  []event
	Threads []struct{ Name string }
}

type frame struct {
	Name  string
	Calls int // so many frames stand here as one, and their variables are left out
	Vars  []variable
}

type variable struct {
	Name, Type  string
	Addr        address
	Size, Align uint64
	Bytes       hexBytes
	Value       string
	State       string
	Fields      []field
}

type field struct {
	Name, Type string
	Addr       address
	Size       uint64
	Bytes      hexBytes
}

type event struct {
	Kind string
	Addr address
	Size uint64
	From *address

	LookedAt []struct{ Fits bool } `json:"looked_at"`
}

// refused tells whether e is a request that the heap had no block for.
func (e event) refused() bool {
	return e.Kind == "search" && (len(e.LookedAt) == 0 || !e.LookedAt[len(e.LookedAt)-1].Fits)
}

// faults tells whether the trace lets the program end in a fault.
func (t *trace) faults() bool {
	for _, s := range t.Steps {
		if slices.ContainsFunc(s.Events, func(e event) bool { return e.Kind == "fault" }) {
			return true
		}
	}
	return false
}

// threaded tells whether the program has several threads.
func (t *trace) threaded() bool {
	return slices.ContainsFunc(t.Steps, func(s step) bool { return len(s.Threads) > 0 })
}

// parts are a variable's fields, or itself where it has none.
func (v variable) parts() []field {
	if len(v.Fields) > 0 {
		return v.Fields
	}
	return []field{{Type: v.Type, Addr: v.Addr, Size: v.Size, Bytes: v.Bytes}}
}

// pointer tells whether a Rust type is that of a thin pointer.
func pointer(typ string) bool { return strings.HasPrefix(typ, "*") || strings.HasPrefix(typ, "&") }

// address is written as a string, "0x7f10c0de0040".
type address uint64

func (a address) String() string { return fmt.Sprintf("%#x", uint64(a)) }

func (a *address) UnmarshalText(text []byte) (err error) {
	*a, err = parseAddress(string(text))
	return err
}

func parseAddress(s string) (address, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%q is not an address", s)
	}
	return address(n), nil
}

// hexBytes is written as a string of hex digits, as they stand in memory.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// number is b as an unsigned number, the low byte first.
func (b hexBytes) number() (n uint64) {
	for i, x := range b {
		n |= uint64(x) << (8 * i)
	}
	return n
}
