package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"memprobe/layout/addr"
	"memprobe/report"
)

// session is what all commands share: the streams, and the flags that say how to
// report.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	help           bytes.Buffer // what cobra prints: help, completions

	format report.Format
	output string
	color  string
	ascii  bool
	width  int

	relative bool // of scenario: no addresses
}

// addFlags gives root the flags that every command has.
func (s *session) addFlags(root *cobra.Command) {
	var formats []string
	about := "how to write the report:"
	for _, f := range report.Formats {
		formats = append(formats, f.Name)
		about += fmt.Sprintf("\n  %s: %s", f.Name, f.About)
	}
	flags := root.PersistentFlags()
	format := flags.String("format", formats[0], about)
	flags.StringVar(&s.output, "output", "", "write the report to `FILE`, whole or not at all")
	flags.StringVar(&s.color, "color", "auto", "colour: auto, always or never")
	flags.BoolVar(&s.ascii, "ascii", false, "draw with ASCII characters alone")
	flags.IntVar(&s.width, "width", 0, fmt.Sprintf("characters in a line, %d or more (default: terminal)", report.MinWidth))

	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cmd.Flags().Changed("output") && s.output == "" {
			return usagef("--output: the name of the file is empty")
		}
		if s.format, err = report.FindFormat(*format); err != nil {
			return usageError{err}
		}
		if s.format.Partial && cmd.Annotations[partialFormat(s.format.Name)] == "" {
			return usagef("%s has no %s form; it has %s", cmd.CommandPath(), s.format.Name, strings.Join(formsOf(cmd), ", "))
		}
		if cmd.Flags().Changed("width") && s.width < report.MinWidth {
			return usagef("--width %d: %d characters at least, so that no address is cut", s.width, report.MinWidth)
		}
		if s.width > report.MaxWidth {
			return usagef("--width %d: %d characters at most, as a terminal has", s.width, report.MaxWidth)
		}
		if s.color != "auto" && s.color != "always" && s.color != "never" {
			return usagef("--color %q: use auto, always or never", s.color)
		}
		return nil
	}
	for flag, values := range map[string][]string{"format": formats, "color": {"auto", "always", "never"}} {
		// The only error is that of a flag that does not exist.
		_ = root.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// partialFormat is the annotation of a command that has reports of that form, which
// not every report has.
func partialFormat(name string) string { return "format " + name }

// formsOf are the forms that a command's reports have.
func formsOf(cmd *cobra.Command) []string {
	var names []string
	for _, f := range report.Formats {
		if !f.Partial || cmd.Annotations[partialFormat(f.Name)] != "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// write reports one document and is done.
func (s *session) write(d report.Document) error {
	out := s.report()
	if err := out.add(d); err != nil {
		return err
	}
	return out.flush()
}

// flushHelp writes what cobra has printed as a report is written.
func (s *session) flushHelp() error {
	if s.help.Len() == 0 {
		return nil
	}
	out := s.report()
	out.text.last = s.help
	return out.flush()
}

// reporter collects documents and brings them to the reader. Nothing is written
// before a document is complete.
type reporter struct {
	*session
	opts    report.Options
	text    pieces
	flushed int // how many bytes of text stdout has got
}

func (s *session) report() *reporter {
	_, terminal := toTerminal(s.stdout)
	return &reporter{session: s, opts: report.Options{
		Width: s.columns(), Color: s.colorWanted(), ASCII: s.ascii, Terminal: terminal && s.output == "", Relative: s.relative,
	}}
}

// add appends a document.
func (r *reporter) add(d report.Document) error { return r.format.Write(&r.text, d, r.opts) }

// flush writes what was added since the last flush to stdout, or all that was
// added to the output file, anew.
func (r *reporter) flush() error {
	if r.output != "" {
		return writeFile(r.output, r.text.all())
	}
	if err := checkOpen(r.stdout); err != nil {
		return err
	}
	for _, piece := range r.text.from(r.flushed) {
		n, err := r.stdout.Write(piece)
		r.flushed += n
		if err != nil {
			return fmt.Errorf("write the report: %w", reason(err))
		}
	}
	return nil
}

// reason is err without the file names that os puts before it, which nobody has
// typed: /dev/stdout, a temporary file.
func reason(err error) error {
	if pathErr := new(os.PathError); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	if linkErr := new(os.LinkError); errors.As(err, &linkErr) {
		return linkErr.Err
	}
	return err
}

// toTerminal is the file descriptor of w and whether a terminal is behind it.
func toTerminal(w any) (fd int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// columns is how wide text may be: --width, else the terminal's width, else
// COLUMNS, else 80.
func (s *session) columns() int {
	if s.width != 0 {
		return s.width
	}
	if fd, ok := toTerminal(s.stdout); ok && s.output == "" {
		if w, _, err := term.GetSize(fd); err == nil && w > 0 {
			return w
		}
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w > 0 {
		return w
	}
	return 80
}

// colorWanted follows --color, then NO_COLOR, then FORCE_COLOR and
// CLICOLOR_FORCE, then whether a terminal reads that knows colour. A variable that
// is empty says nothing.
func (s *session) colorWanted() bool {
	if s.color != "auto" {
		return s.color == "always"
	}
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if os.Getenv("FORCE_COLOR") != "" || os.Getenv("CLICOLOR_FORCE") != "" {
		return true
	}
	_, terminal := toTerminal(s.stdout)
	return terminal && s.output == "" && os.Getenv("TERM") != "dumb"
}

// baseFlag adds --base to a command.
func baseFlag(cmd *cobra.Command) {
	cmd.Flags().String("base", "", "reserve the memory at `ADDR`, such as 0x7e2a00000000 (default: where the kernel likes)")
}

// base is the address that --base names; 0 if it was not given.
func base(cmd *cobra.Command) (addr.Addr, error) {
	flag := cmd.Flags().Lookup("base")
	if !flag.Changed {
		return 0, nil
	}
	a, err := addr.Parse(flag.Value.String())
	switch page := addr.Bytes(os.Getpagesize()); {
	case err != nil:
		return 0, usagef("--base: %w", err)
	case a == 0 || !a.Aligned(page):
		return 0, usagef("--base %v: not a multiple of the page size, %d, above 0", a, page)
	}
	return a, nil
}
