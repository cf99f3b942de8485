// Command memprobe shows where values really live: it runs the stack-and-heap
// lessons on real memory, sets a process's address space beside the textbook
// picture, and times the stack against the heap.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"memprobe/report"
)

func main() {
	tooLargeIsAnError()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// tooLargeIsAnError makes the end of a file's room that there is a limit to an error of
// the write: without, the signal ends the process. To ignore it takes Go a thread.
func tooLargeIsAnError() {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &most); err != nil || most.Cur != unix.RLIM_INFINITY {
		signal.Ignore(unix.SIGXFSZ)
	}
}

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2

	exitInterrupted = 130 // by Ctrl-C, as a shell counts it
)

// run is the whole program.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &session{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(s)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		err = s.flushHelp()
	}
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	for l := range strings.Lines(err.Error()) {
		fmt.Fprintln(stderr, "memprobe:", report.Printable(strings.TrimRight(l, "\n")))
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(stderr, `Run "memprobe --help" for how to use it.`)
		return exitUsage
	}
	return exitFailed
}

// usageError is an error of whoever typed the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// groups are the headings of the help.
var groups = []*cobra.Group{
	{ID: "lessons", Title: "The lessons:"},
	{ID: "memory", Title: "Memory as it is:"},
	{ID: "other", Title: "Other:"},
}

// commands are the commands in the order of the help.
var commands = []func(*session) *cobra.Command{
	newScenario, newClaims, newMaps, newWhere, newRead, newBench, newReplay, newBugs, newVersion, newMan,
}

// newRoot is the command line with all its commands.
func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "memprobe",
		Short: "See where values really live",
		Long: `memprobe shows where values really live. It reserves real memory, runs the
stack-and-heap lessons in it, and shows what stands at each address.`,
		Example: `  memprobe scenario string
  memprobe maps
  memprobe bench`,
		Args:          noArgs,
		SilenceErrors: true, // run prints them, once
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.stdin)
	root.SetOut(&s.help)
	root.SetErr(s.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(groups...)
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	s.addFlags(root)
	for _, newCommand := range commands {
		root.AddCommand(newCommand(s))
	}
	checkOwnCommands(root)
	return root
}

// checkOwnCommands makes the commands that cobra brings refuse what they don't
// know, as the others do.
func checkOwnCommands(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil || len(rest) > 0 {
					unknown := append(rest, args...)[0]
					return usagef("no command %q%s", unknown, suggestion(unknown, commandNames(found)))
				}
				return nil
			}
		case "completion":
			cmd.Args = noArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = noArgs
			}
		}
	}
}

// flagError is a usage error that says what kind of value a flag takes.
func flagError(_ *cobra.Command, err error) error {
	if invalid := new(pflag.InvalidValueError); errors.As(err, &invalid) {
		want := map[string]string{"int": "a whole number", "bool": "true or false"}[invalid.GetFlag().Value.Type()]
		return usagef("--%s %q: not %s", invalid.GetFlag().Name, invalid.GetValue(), want)
	}
	return usageError{err}
}

// noArgs refuses arguments; what stands in the place of a command is taken for a
// misspelt one.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usagef("no command %q%s", args[0], suggestion(args[0], commandNames(cmd)))
	}
	return usagef("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
}

// oneArgAtMost refuses a second argument.
func oneArgAtMost(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s takes one argument at most, but got %d", cmd.CommandPath(), len(args))
	}
	return nil
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return names
}
