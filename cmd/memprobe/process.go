package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"memprobe/layout"
	"memprobe/probe"
	"memprobe/report"
)

// target is the process that is looked at; the zero value is memprobe itself.
type target struct {
	pid  int
	argv []string // a program to start, and its arguments
	file string   // a saved list; - is standard input

	freeze  bool // stop it while it is read
	lightly bool // the list of mappings alone is wanted
	options layout.Options

	took time.Duration // how long it took to read
}

// own is true where memprobe itself is looked at.
func (t *target) own() bool { return t.pid == 0 && t.argv == nil && t.file == "" }

// targetFlags adds the flags that say which process is meant.
func targetFlags(cmd *cobra.Command) {
	cmd.Flags().String("name", "", "the process that is called `NAME`")
	cmd.Flags().String("file", "", "a saved list from `FILE`, - for standard input")
	cmd.Flags().Bool("freeze", false, "stop the process while it is read")
}

// targetOf reads what the command line says of it.
func targetOf(cmd *cobra.Command, args []string) (*target, error) {
	t := &target{}
	flags := cmd.Flags()
	name, _ := flags.GetString("name")
	t.file, _ = flags.GetString("file")
	t.freeze, _ = flags.GetBool("freeze")
	var err error
	for _, flag := range []string{"name", "file"} {
		switch {
		case !flags.Changed(flag):
		case flags.Lookup(flag).Value.String() == "":
			return t, usagef("--%s: its value is empty", flag)
		case len(args) > 0:
			return t, usagef("maps takes either a process or --%s", flag)
		}
	}
	switch {
	case flags.Changed("file"):
		return t, nil
	case flags.Changed("name"):
		t.pid, err = named(name)
		return t, err
	case cmd.ArgsLenAtDash() >= 0:
		t.argv = args
	case len(args) > 0:
		if t.pid, err = parsePID(args[0]); err != nil {
			return t, fmt.Errorf("%w%s", err, perhapsMeant(args[0]))
		}
	case t.freeze && !flags.Changed("since"):
		return t, usagef("--freeze is for another process: memprobe maps PID --freeze")
	default:
		return t, nil
	}
	if flags.Changed("base") {
		return t, usagef("--base is for memprobe's own memory, not for process %s", args[0])
	}
	if t.freeze && t.argv != nil {
		return t, usagef("--freeze is for a process that runs; a program after -- is held anyway")
	}
	return t, nil
}

// named is the one process of that name.
func named(name string) (int, error) {
	all, err := layout.Named(name)
	switch {
	case err != nil:
		return 0, err
	case len(all) == 0:
		return 0, fmt.Errorf("no process that this user may see is called %q; ps -e lists them", name)
	case len(all) == 1:
		return all[0].PID, nil
	}
	text := fmt.Sprintf("%d processes are called %q; give the number of one:", len(all), name)
	for _, p := range all {
		text += fmt.Sprintf("\n  %7d  %s", p.PID, report.Cut(commandLine(p), 56))
	}
	return 0, errors.New(text)
}

// commandLine is how p was started, which tells it from others of its name.
func commandLine(p layout.Process) string {
	text, err := readPlain(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil || len(text) == 0 {
		return p.Exe
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
}

// perhapsMeant is the end of an error about a process number that looks like a name.
func perhapsMeant(arg string) string {
	if arg == "" || !unicode.IsLetter(rune(arg[0])) && !strings.ContainsRune("./_", rune(arg[0])) {
		return ""
	}
	start := "to start a program: memprobe maps -- " + oneLine(arg)
	if strings.Contains(arg, "/") {
		return "; " + start
	}
	return "; a process by its name: memprobe maps --name " + oneLine(arg) + "; " + start
}

// look describes the target and writes what see makes of it. A process that is
// stopped meanwhile goes on before that: who reads the report may be slow.
func (t *target) look(s *session, cmd *cobra.Command, see func(*layout.Space) (report.Document, error)) error {
	if t.argv != nil {
		h, err := hold(t.argv)
		if err != nil {
			return err
		}
		defer h.end()
		t.pid = h.pid
	}
	var doc report.Document
	look := func(space *layout.Space, _ *probe.Trace) (err error) {
		doc, err = see(space)
		return err
	}
	var err error
	switch {
	case t.file != "":
		var space *layout.Space
		if space, err = t.saved(s.stdin); err != nil {
			return fmt.Errorf("read %s: %w", oneLine(t.file), err)
		}
		err = look(space, nil)
	case t.pid == 0:
		err = own(cmd, func(mine []layout.Owned) (*layout.Space, error) {
			t.options.Owned = mine
			return t.describe()
		}, look)
	default:
		err = frozenIf(t.freeze, t.pid, func() error {
			space, err := t.describe()
			if err != nil {
				return err
			}
			return look(space, nil)
		})
	}
	if err != nil {
		return err
	}
	return s.write(doc)
}

// saved reads the target's file, a report in JSON or the text of a maps or smaps file.
func (t *target) saved(stdin io.Reader) (*layout.Space, error) {
	text, err := readSaved(t.file, stdin, func(start []byte) error {
		if beginsSnapshot(start) == nil {
			return nil
		}
		return layout.CheckFirstLine(start)
	})
	if err != nil {
		return nil, err
	}
	var space *layout.Space
	if beginsSnapshot(text) == nil {
		space, err = snapshot(text)
	} else {
		space, err = layout.DescribeText(text)
	}
	if err == nil && t.options.Resident && space.Figures == nil {
		err = errors.New("it has no figures of what is resident: an smaps text has, and what maps --resident --format json writes")
	}
	return space, err
}

// describe looks at the process.
func (t *target) describe() (*layout.Space, error) {
	start := time.Now()
	defer func() { t.took = time.Since(start) }()
	if !t.lightly {
		return layout.Describe(t.pid, t.options)
	}
	mappings, err := layout.Read(t.pid)
	if err != nil && !errors.Is(err, layout.ErrTorn) {
		return nil, err
	}
	return &layout.Space{PID: t.pid, Mappings: mappings, Changed: err != nil}, nil
}

// tellIfChanged says on stderr what forms without room for it can't: a list that may
// never have been so.
func (s *session) tellIfChanged(space *layout.Space) {
	switch {
	case !space.Changed || !s.format.Partial:
	case space.Text:
		fmt.Fprintln(s.stderr, "memprobe: the list contradicts itself: lines were left out; without --format they are named")
	default:
		fmt.Fprintf(s.stderr, "memprobe: process %d: the mappings changed each time they were read: this may never have been so at one moment\n", space.PID)
	}
}

// pidFlagError is flagError for a command that takes a process: -1 is taken for a flag.
func pidFlagError(cmd *cobra.Command, err error) error {
	if unknown := new(pflag.NotExistError); errors.As(err, &unknown) {
		number := unknown.GetSpecifiedShortnames()
		if _, wrong := strconv.Atoi(number); wrong == nil {
			return usagef("pid %q: not a process number such as 1234", "-"+number)
		}
	}
	return flagError(cmd, err)
}

// parsePID takes decimal digits only: pmap reads 010 as 8.
func parsePID(arg string) (int, error) {
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil || n == 0 || arg[0] == '0' || arg[0] == '+' {
		return 0, usagef("pid %q: not a process number such as 1234", arg)
	}
	return int(n), nil
}
