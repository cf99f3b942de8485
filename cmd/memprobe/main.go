// Command memprobe shows where values really live: it runs the stack-and-heap
// lessons on real memory, sets a process's address space beside the textbook
// picture, and times the stack against the heap.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole program.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(stderr, "memprobe:", err)
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
	newScenario, newMaps, newWhere, newBench, newVersion, newMan,
}

// newRoot is the command line with all its commands.
func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	s := &session{stdin: stdin, stdout: stdout, stderr: stderr}
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
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(groups...)
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	s.addFlags(root)
	for _, newCommand := range commands {
		root.AddCommand(newCommand(s))
	}
	return root
}

// flagError words an error in the flags; a value of the wrong kind without the
// parser's own words for it.
func flagError(_ *cobra.Command, err error) error {
	if invalid := new(pflag.InvalidValueError); errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "int" {
		return usagef("--%s %q: not a whole number", invalid.GetFlag().Name, invalid.GetValue())
	}
	return usageError{err}
}

// noArgs refuses arguments; what stands in the place of a command is taken for a
// misspelt one.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasParent() {
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

// suggestion is the end of an error about an unknown name: the nearest ones, or
// where to find the list.
func suggestion(name string, names []string) string {
	index := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, n := range names {
		index.AddCommand(&cobra.Command{Use: n, Run: func(*cobra.Command, []string) {}})
	}
	near := index.SuggestionsFor(name)
	if len(near) == 0 {
		return "; there is " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", strings.Join(near, `" or "`))
}
