package main

import (
	"embed"
	"fmt"

	"github.com/spf13/cobra"
)

// pages are the manual pages, which a test makes from the commands' help.
//
//go:embed man
var pages embed.FS

// newMan is `memprobe man`.
func newMan(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "man [COMMAND]",
		GroupID: "other",
		Short:   "Print a manual page, for man -l -",
		Example: `  memprobe man | man -l -
  memprobe man scenario > memprobe-scenario.1`,
		Args: oneArgAtMost,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("format") {
				return usagef("man: a manual page has a format of its own; leave --format out")
			}
			name := "memprobe"
			if len(args) > 0 {
				name += "-" + args[0]
			}
			page, err := pages.ReadFile("man/" + name + ".1")
			if err != nil {
				return usagef("no manual page for %q", args[0])
			}
			out := s.report()
			out.text.Write(page)
			if err := out.flush(); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			return nil
		},
	}
}
