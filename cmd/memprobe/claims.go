package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"memprobe/probe/claims"
	"memprobe/report"
)

// newClaims is `memprobe claims`.
func newClaims(s *session) *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:     "claims",
		GroupID: "lessons",
		Short:   "Hold what the lessons say against this machine",
		Long: `claims takes every sentence of the two lessons that can be true or false on a
machine, and finds out: it runs the lesson's program on real memory, reads what
the kernel tells, or times something. A verdict is worked out from that evidence
on each run: it holds, it holds in part, it does not hold here, or it can't be
told here; and why.

With --id it shows one claim with all the evidence, and how to repeat it by hand.`,
		Example: `  memprobe claims
  memprobe claims --id frame-97
  memprobe claims --format md --output claims.md`,
		Annotations: map[string]string{partialFormat("md"): "yes"},
		Args:        noArgs,
	}
	cmd.Flags().StringVar(&id, "id", "", "show the claim `ID` alone, with its evidence")
	// The only error is that of a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("id", completeClaims)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed("id") {
			return s.showClaims(cmd.Context(), claims.All, report.Claims)
		}
		claim, ok := claims.Named(id)
		if !ok {
			return usagef("no claim %q%s", id, nearClaims(id))
		}
		return s.showClaims(cmd.Context(), []*claims.Claim{claim}, report.Claim)
	}
	return cmd
}

func (s *session) showClaims(ctx context.Context, all []*claims.Claim, show func(*claims.Ledger) report.Document) error {
	line := s.progress("")
	ledger, err := claims.Examine(ctx, all, func(done, of int, what string) {
		line.put(fmt.Sprintf("claim %d of %d: %s", done+1, of, what))
	})
	line.clear()
	if err != nil {
		return err
	}
	return s.write(show(ledger))
}

// nearClaims leads from a name that no claim has to one that it may have been meant for.
func nearClaims(id string) string {
	if near := suggestion(id, claimIDs()); strings.Contains(near, "did you mean") {
		return near
	}
	return "; `memprobe claims` lists all"
}

func claimIDs() []string {
	var ids []string
	for _, c := range claims.All {
		ids = append(ids, c.ID)
	}
	return ids
}

func completeClaims(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	for _, c := range claims.All {
		ids = append(ids, c.ID+"\t"+strings.ReplaceAll(c.Words, "\t", " "))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
