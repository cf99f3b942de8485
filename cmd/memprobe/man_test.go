package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// TestManPages compares the pages that the program carries with its help.
// MEMPROBE_GOLDEN=update writes them anew.
func TestManPages(t *testing.T) {
	day := time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC) // a page is no newer for being made again
	header := &doc.GenManHeader{Section: "1", Source: "memprobe", Manual: "memprobe", Date: &day}
	made := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		cmd.DisableAutoGenTag = true
		var page bytes.Buffer
		if err := doc.GenMan(cmd, header, &page); err != nil {
			t.Fatal(err)
		}
		name := "memprobe.1"
		if cmd.HasParent() {
			name = "memprobe-" + cmd.Name() + ".1"
		}
		made[name] = true
		comparePage(t, filepath.Join("man", name), page.Bytes())
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRoot(&session{}))
	files, err := filepath.Glob("man/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !made[filepath.Base(f)] {
			t.Errorf("%s is the page of no command", f)
		}
	}
}

func comparePage(t *testing.T, file string, page []byte) {
	if os.Getenv("MEMPROBE_GOLDEN") == "update" {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(kept, page) {
		t.Errorf("%s is not what the help says (%v); make golden writes it anew", file, err)
	}
}
