package main

import (
	"errors"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"memprobe/layout"
	"memprobe/report"
)

// mapsFlags are the flags of maps, as they were typed.
type mapsFlags struct {
	all, resident, pages, explain  bool
	parts, perm, file, least, sort string
	since                          string
	interval                       string
}

// gcPercent lets the heap grow further between two collections. What is read of a list
// is in use until all is written, so there is little to collect: with 65,000 mappings a
// sixth of the time goes, and the peak grows from 30 to 38 MiB.
const gcPercent = 1600

// newMaps is `memprobe maps`.
func newMaps(s *session) *cobra.Command {
	var f mapsFlags
	cmd := &cobra.Command{
		Use:     "maps [PID | -- PROGRAM ARG...]",
		GroupID: "memory",
		Short:   "Show an address space beside the textbook's",
		Long: `maps draws the textbook's picture of a process's memory and, beside it, the
mappings that play each part: high addresses on top, gaps with their size. It
shows memprobe itself, with a text on its own heap, or the process PID, or the one
that --name finds.

--file shows a saved list instead: the text of a maps or an smaps file, of any
machine, or what --format json wrote. With -- maps starts a program and holds it
at its entry: the loader has mapped the libraries, the program's own code has not
run. Then it kills the program, whose input and output are the null device; it
never outlives memprobe.

Sections come from the ELF files, Go's areas from its runtime's own records. What
memprobe can't know is called anonymous. What can be both written and run, stacks
that can be run, and stacks without a guard are marked with ! and told.

--part, --perm, --file-name and --min choose, and all that are given have to fit;
--part is about parts, the others about whole mappings. --sort makes a list of it,
without the picture.

--resident adds what is in memory of each mapping. The kernel looks at every page
for it, and the process waits meanwhile where it wants to change its mappings.
--pages draws which pages are in memory, --explain says what the fields of a maps
line mean.

--since compares with a report that --format json wrote earlier. --watch looks
again and again, and marks what changed, until Ctrl-C; a terminal is redrawn,
anything else gets a block each time, in JSON a line. The exit code is 130 then, and
0 where the process ends. Both compare what is in memory mapping by mapping where
--resident is given at both looks; else they tell the change of it in all.

The process goes on meanwhile, and its list may change while it is read. --freeze
stops it for as long as that takes; it goes on whatever happens to memprobe, unless
that is stopped meanwhile by SIGSTOP: then both wait for SIGCONT.`,
		Example: `  memprobe maps
  memprobe maps 1234 --part heap,stack
  memprobe maps --name redis-server --resident --sort rss
  memprobe maps 1234 --perm wx
  memprobe maps 1234 --file-name 'libc*' --all --width 120
  memprobe maps 1234 --min 1MiB --sort size
  memprobe maps 1234 --format maps
  memprobe maps 1234 --format json > before.json
  memprobe maps 1234 --since before.json
  memprobe maps 1234 --watch=2s
  memprobe maps --file maps.txt
  memprobe maps -- ls -l`,
		Args: func(cmd *cobra.Command, args []string) error {
			if before := cmd.ArgsLenAtDash(); before >= 0 {
				if before > 0 || len(args) == 0 {
					return usagef("maps takes either a process or, after --, a program: memprobe maps -- PROGRAM ARG...")
				}
				return nil
			}
			if len(args) == 2 && cmd.Flags().Changed("watch") {
				return usagef("maps takes one process at most; an interval stands behind a =, as in --watch=2s")
			}
			return oneArgAtMost(cmd, args)
		},
		Annotations: map[string]string{partialFormat("csv"): "yes", partialFormat("maps"): "yes"},
	}
	cmd.SetFlagErrorFunc(pidFlagError)
	cmd.Flags().BoolVar(&f.all, "all", false, "give every part a row of its own")
	cmd.Flags().BoolVar(&f.resident, "resident", false, "add what is in memory, dirty, swapped out")
	cmd.Flags().StringVar(&f.parts, "part", "", "only these `PARTS`: heap,stack or others of\n"+inLines(report.PartNames()))
	cmd.Flags().StringVar(&f.perm, "perm", "", "only mappings with these `PERMISSIONS`: wx for both,\nwhatever else; r-x or r-xp for exactly these")
	cmd.Flags().StringVar(&f.file, "file-name", "", "only mappings whose name is like `GLOB`; without a slash,\nits last element")
	cmd.Flags().StringVar(&f.least, "min", "", "only mappings of `SIZE` or more, such as 1MiB")
	cmd.Flags().StringVar(&f.sort, "sort", "", "a list in this `ORDER`:\n"+orders())
	cmd.Flags().StringVar(&f.since, "since", "", "compare with `FILE`, written earlier by --format json")
	cmd.Flags().StringVar(&f.interval, "watch", "", "look again each `INTERVAL` and mark what changed")
	cmd.Flags().Lookup("watch").NoOptDefVal = "1s"
	cmd.Flags().BoolVar(&f.explain, "explain", false, "say what the fields of a maps line mean")
	cmd.Flags().BoolVar(&f.pages, "pages", false, "draw which pages are in memory")
	targetFlags(cmd)
	baseFlag(cmd)
	completeList(cmd, "part", report.PartNames())
	completeList(cmd, "sort", orderNames())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.fitting(cmd); err != nil {
			return err
		}
		view, err := f.view(cmd, s)
		if err != nil {
			return err
		}
		t, err := targetOf(cmd, args)
		if err != nil {
			return err
		}
		t.options.Resident = view.Resident
		if f.interval == "" {
			debug.SetGCPercent(gcPercent)
		}
		plain := s.format.Name == "maps" && len(view.Choice.Parts) == 0
		t.lightly = plain && f.interval == "" // watching needs to know the process again
		if _, terminal := toTerminal(s.stdout); plain && f.copies(cmd) && t.pid != 0 && (!terminal || s.output != "") {
			return s.copyMaps(t)
		}
		switch {
		case f.since != "":
			return s.showSince(cmd, t, view, f.since)
		case f.interval != "":
			return s.watch(cmd, t, view, f.interval)
		}
		return t.look(s, cmd, func(space *layout.Space) (report.Document, error) {
			s.tellIfChanged(space)
			view.Own = t.own()
			if f.pages {
				return pagesOf(space, view)
			}
			if f.explain {
				return report.Explain(space, view), nil
			}
			view.Took = t.took
			return report.Maps(space, view), nil
		})
	}
	return cmd
}

// together are flags of maps that make no sense beside one another, and why.
var together = []struct{ flag, with, why string }{
	{"since", "watch", "--watch compares with its own last look"},
	{"since", "sort", "changes are by address"},
	{"pages", "since", "one is about pages, the other about mappings"},
	{"pages", "watch", "one is about pages, the other about mappings"},
	{"pages", "explain", "one is about pages, the other about a line"},
	{"pages", "sort", "they are drawn by address"},
	{"pages", "resident", "one is about pages, the other about mappings"},
	{"pages", "file", "a saved list has no pages to look at"},
	{"since", "explain", "one is about changes, the other about a line"},
	{"watch", "explain", "an explanation does not change"},
	{"watch", "file", "a saved list does not change"},
	{"watch", "output", "a file holds one report; let a shell write it: memprobe maps PID --watch > FILE"},
	{"freeze", "file", "a saved list is not running"},
	{"freeze", "watch", "the process would stand still again and again"},
	{"name", "file", "both say what is looked at"},
	{"base", "name", "--base is for memprobe's own memory"},
	{"base", "file", "--base is for memprobe's own memory"},
}

func (f *mapsFlags) fitting(cmd *cobra.Command) error {
	for _, pair := range together {
		if cmd.Flags().Changed(pair.flag) && cmd.Flags().Changed(pair.with) {
			return usagef("--%s and --%s don't go together: %s", pair.flag, pair.with, pair.why)
		}
	}
	for _, flag := range []struct{ name, value string }{{"since", f.since}, {"watch", f.interval}} {
		if cmd.Flags().Changed(flag.name) && flag.value == "" {
			return usagef("--%s: its value is empty", flag.name)
		}
	}
	return nil
}

// copies is true where nothing is chosen from the kernel's own text, or put in order.
func (f *mapsFlags) copies(cmd *cobra.Command) bool {
	for _, flag := range []string{"perm", "file-name", "min", "sort", "watch"} {
		if cmd.Flags().Changed(flag) {
			return false
		}
	}
	return true
}

// copyMaps writes the kernel's own text.
func (s *session) copyMaps(t *target) error {
	var text []byte
	err := frozenIf(t.freeze, t.pid, func() (err error) {
		text, err = layout.ReadText(t.pid)
		return err
	})
	if err != nil && !errors.Is(err, layout.ErrTorn) {
		return err
	}
	space := &layout.Space{PID: t.pid, Changed: err != nil}
	s.tellIfChanged(space)
	return s.write(report.Maps(space, report.MapsView{Raw: text}))
}

// pagesOf looks at the pages of what the view chooses.
func pagesOf(space *layout.Space, view report.MapsView) (report.Document, error) {
	pages, err := layout.OpenPagemap(space.PID)
	if err != nil {
		return report.Document{}, err
	}
	defer pages.Close()
	return report.Pages(space, view, func(m layout.Mapping) report.PageRuns {
		runs, err := pages.Runs(m.Range)
		return report.PageRuns{Mapping: m, Runs: runs, Err: err}
	}), nil
}

// completeList lets a shell complete a flag's value.
func completeList(cmd *cobra.Command, flag string, values []string) {
	// The only error is that of a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func orderNames() []string {
	var names []string
	for _, o := range report.Orders {
		names = append(names, o.Name)
	}
	return names
}

func orders() string {
	var about []string
	for _, o := range report.Orders {
		about = append(about, o.Name+", "+o.About)
	}
	return strings.Join(about, ";\n")
}

// inLines are names for a flag's help, in lines that fit beside the flags.
func inLines(names []string) string {
	const columns = 52
	text, line := "", 0
	for i, name := range names {
		switch {
		case i == 0:
		case line+len(name) > columns:
			text, line = text+",\n", 0
		default:
			text += ", "
		}
		text, line = text+name, line+len(name)+2
	}
	return text
}

// view reads the flags that say what is shown, and how.
func (f *mapsFlags) view(cmd *cobra.Command, s *session) (report.MapsView, error) {
	v := report.MapsView{All: f.all}
	changed := cmd.Flags().Changed
	var err error
	if changed("part") {
		for name := range strings.SplitSeq(f.parts, ",") {
			if !slices.Contains(report.PartNames(), name) {
				return v, usagef("--part: no part %q%s", name, suggestion(name, report.PartNames()))
			}
			v.Choice.Parts = append(v.Choice.Parts, name)
		}
	}
	if changed("perm") {
		if v.Choice.Perms, err = report.ParsePerms(f.perm); err != nil {
			return v, usagef("--perm %q: %w", f.perm, err)
		}
	}
	if changed("file-name") {
		if err = report.CheckFile(f.file); err != nil {
			return v, usagef("--file-name %q: %w", f.file, err)
		}
		v.Choice.File = f.file
	}
	if changed("min") {
		if v.Choice.Min, err = parseSize(f.least); err != nil {
			return v, usagef("--min %q: %w", f.least, err)
		}
	}
	if changed("sort") {
		if s.format.Name == "json" {
			return v, usagef("--sort and --format json don't go together: the JSON form is by address")
		}
		order, err := report.FindOrder(f.sort)
		if err != nil {
			return v, usagef("--sort: %w", err)
		}
		if s.format.Name == "maps" && !order.ListsMappings() {
			return v, usagef("--sort %s and --format maps don't go together: the kernel's own text has no such figures", order.Name)
		}
		v.Order = &order
	}
	v.Resident = f.resident || v.Order != nil && v.Order.Resident
	if v.Resident && s.format.Name == "maps" {
		return v, usagef("--resident and --format maps don't go together: the kernel's own text has no such figures")
	}
	if s.format.Partial && (f.since != "" || f.explain || f.pages) {
		return v, usagef("--since, --explain and --pages have no %s form", s.format.Name)
	}
	return v, nil
}
