package main

import (
	"fmt"
	"io"
	"strings"
)

// progressLine is a line on stderr that is written over again and again, while
// something takes long; it shows nothing where stderr is no terminal.
type progressLine struct {
	w      io.Writer
	format string // of how much is done, and of how much
	shown  int    // characters of the line
}

func (s *session) progress(format string) *progressLine {
	l := &progressLine{w: io.Discard, format: format}
	if _, ok := toTerminal(s.stderr); ok {
		l.w = s.stderr
	}
	return l
}

// show says how much is done.
func (l *progressLine) show(done, of int) { l.put(fmt.Sprintf(l.format, done, of)) }

// clear leaves the line empty, with the cursor at its start.
func (l *progressLine) clear() {
	l.put("")
	fmt.Fprint(l.w, "\r")
}

func (l *progressLine) put(s string) {
	fmt.Fprintf(l.w, "\r%-*s", l.shown, s)
	l.shown = len(strings.TrimRight(s, " "))
}
