package main

import (
	"strings"
	"testing"
)

// TestSuggestion: a slip of the hand finds the name; another word does not.
func TestSuggestion(t *testing.T) {
	names := append(scenarioNames(), "maps", "where")
	for typed, want := range map[string]string{
		"strng": `"string"`, "sting": `"string"`, "stirng": `"string"`, "STRING": `"string" or "string-grow"`, "strings": `"string"`,
		"mpas": `"maps"`, "map": `"maps"`, "dubble-free": `"double-free"`, "fra": `"frames" or "fragmentation"`, "aloc": `"alloc"`,
		"nope": "", "xyz": "", "wolf": "", "a-word-like-no-name": "", "": "", "copying": "",
	} {
		got := suggestion(typed, names)
		if want == "" && !strings.HasPrefix(got, "; there are ") || want != "" && got != "; did you mean "+want+"?" {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
}
