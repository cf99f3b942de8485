package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"memprobe/report"
)

// newVersion is `memprobe version`.
func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		GroupID: "other",
		Short:   "Tell which memprobe this is",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return s.write(report.Version(version())) },
	}
}

// version is what the linker knows of this program.
func version() report.Build {
	b := report.Build{Version: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}
