package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"memprobe/probe"
	"memprobe/probe/lesson"
)

// example is a command of the README with what it prints there.
type example struct {
	command string
	output  []string
}

// examples are the commands of the blocks that are marked as console sessions.
func examples(readme string) []example {
	var all []example
	inside := false
	for l := range strings.Lines(readme) {
		l = strings.TrimRight(l, "\n")
		switch command, isCommand := strings.CutPrefix(l, "$ "); {
		case strings.HasPrefix(l, "```"):
			inside = l == "```console"
		case inside && isCommand:
			all = append(all, example{command: command})
		case inside:
			last := &all[len(all)-1]
			last.output = append(last.output, l)
		}
	}
	return all
}

// TestREADME runs each command of the README, where the README is, and compares
// what it prints. A line of three dots stands for any lines; process numbers, sizes,
// times, runs of blanks and where a list's text is wrapped are not compared, nor what
// the kernel says.
func TestREADME(t *testing.T) {
	if ok, err := native(); err != nil || !ok {
		t.Skipf("an emulator puts the first thread's stack elsewhere (%v)", err)
	}
	if _, err := probe.Run(lesson.String, probe.Options{Base: 0x7e2a_0000_0000}); err != nil {
		t.Skipf("the README's addresses are not to be had here: %v", err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := examples(string(readme))
	if len(all) < 6 {
		t.Fatalf("only %d commands were found in the README", len(all))
	}
	if empty := regexp.MustCompile(`(?m)^##.*\n+##`).FindString(string(readme)); empty != "" {
		t.Errorf("a heading of the README has nothing below it: %q", empty)
	}
	t.Setenv("COLUMNS", "80")
	for _, e := range all {
		args := strings.Fields(e.command)
		if args[0] != "memprobe" {
			t.Errorf("%q: only memprobe is run here", e.command)
			continue
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = "../.."
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v: %s", e.command, err, stderr.String())
			continue
		}
		if rest, missing := follow(comparable(string(stdout)), comparable(strings.Join(e.output, "\n"))); missing != "" {
			t.Errorf("%s: the README's line\n%s\nis not where it should be in\n%s", e.command, missing, strings.Join(rest, "\n"))
		}
	}
}

var (
	varying = regexp.MustCompile(`pid \d+|/proc/\d+|\d+(\.\d+)? [KMG]iB`)
	figure  = regexp.MustCompile(`\d[\d,.]*`) // in lines without addresses
	blanks  = regexp.MustCompile(` +|─+`)
	wrapped = regexp.MustCompile(`^ {13,16}[^ ]`) // goes on with an item of a list
)

// comparable are the lines of output without what differs from run to run.
func comparable(output string) []string {
	output = strings.NewReplacer("x86-64", "ARCH", "arm64", "ARCH", "no difference found", "N").Replace(output)
	var lines []string
	for l := range strings.Lines(output) {
		goesOn := len(lines) > 0 && wrapped.MatchString(l)
		l = varying.ReplaceAllString(strings.TrimSpace(l), "N")
		if strings.Contains(l, "the kernel: ") {
			continue
		}
		if !strings.Contains(l, "0x") {
			l = figure.ReplaceAllString(l, "N")
		}
		l = blanks.ReplaceAllString(l, " ")
		l = strings.ReplaceAll(l, "N (N-N)", "N") // too few rounds, on a busy machine, have no interval
		if goesOn {
			lines[len(lines)-1] += " " + l
			continue
		}
		lines = append(lines, l)
	}
	return lines
}

// follow goes through got along want, and gives the rest of got and the line of
// want at which it got stuck.
func follow(got, want []string) (rest []string, missing string) {
	skip := false
	for _, w := range want {
		if w == "..." {
			skip = true
			continue
		}
		for skip && len(got) > 0 && got[0] != w {
			got = got[1:]
		}
		if len(got) == 0 || got[0] != w {
			return got, w
		}
		got, skip = got[1:], false
	}
	if !skip && len(strings.Join(got, "")) > 0 {
		return got, "(nothing more)"
	}
	return nil, ""
}

// TestREADMEMakes: each make target of the README is in the Makefile.
func TestREADMEMakes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9]+)").FindAllStringSubmatch(string(readme), -1)
	if len(targets) == 0 {
		t.Fatal("the README names no make target")
	}
	for _, target := range targets {
		if !regexp.MustCompile(`(?m)^` + target[1] + `:`).Match(makefile) {
			t.Errorf("the Makefile has no target %s", target[1])
		}
	}
}
