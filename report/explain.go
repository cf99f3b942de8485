package report

import (
	"fmt"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// explained is the JSON form of an explanation.
type explained struct {
	Schema  int            `json:"schema"`
	PID     int            `json:"pid"`
	Mapping layout.Mapping `json:"mapping"`
	Fields  []field        `json:"fields"`
}

// field is a field of a maps line, and what it means.
type field struct {
	Name  string `json:"field"`
	Text  string `json:"text"`
	Means string `json:"means"`
}

// Explain says what each field of a maps line means, by the example of the first
// mapping that the view chooses.
func Explain(s *layout.Space, v MapsView) Document {
	chosen := v.Choice.of(s)
	if len(chosen.Mappings) == 0 {
		return Document{explained{Schema: schema, PID: s.PID, Fields: []field{}}, func(p *page) {
			p.add(text(" No mapping is like that, so there is no line to explain."))
		}}
	}
	m := chosen.Mappings[0]
	e := explained{schema, s.PID, m, explain(s, m)}
	return Document{e, func(p *page) {
		p.prose(1, p.column(1), fmt.Sprintf("A line of /proc/PID/maps is one mapping. This one is of %s:", spaceName(s)), plain)
		p.blank()
		for _, row := range wrapHard(mapsLine(m), p.width-4) {
			p.add(styled("   "+row, strong))
		}
		p.blank()
		p.fields(e.Fields)
	}}
}

// fields adds what the fields of a maps line mean.
func (p *page) fields(fields []field) {
	for _, f := range fields {
		for i, row := range wrapHard(brief(f.Text), p.width-14) {
			name := f.Name
			if i > 0 {
				name = ""
			}
			p.add(join(styled(" "+name, strong).padded(13), text(row)))
		}
		p.prose(13, p.column(13), f.Means, faint)
	}
}

func explain(s *layout.Space, m layout.Mapping) []field {
	fields := []field{
		{"addresses", fmt.Sprintf("%08x-%08x", uint64(m.Lo), uint64(m.Hi)), fmt.Sprintf(
			"From the first address to the one behind the last, in hexadecimal: %s, which are %s of %s.",
			exactly(m.Size()), plural(uint64(m.Size())/uint64(s.PageSize), "page"), short(s.PageSize))},
		{"permissions", m.Perms.String(), permsWords(m.Perms)},
	}
	offset := "Where in the file the mapping begins, in hexadecimal. There is no file behind this one."
	if m.Inode != 0 {
		offset = fmt.Sprintf("The mapping's first byte is the file's byte %d. An address a of it shows the file's byte a - %v + %v.", uint64(m.Offset), m.Lo, addr.Addr(m.Offset))
	}
	device := "The device with the file system, as two numbers in hexadecimal. 00:00 says that there is no file."
	inode := "The file's number in its file system. 0 says that there is none: the memory is anonymous, or the kernel's."
	if m.Inode != 0 {
		device = "The device whose file system the file is in: its major and minor number, in hexadecimal. A major number of 0 is no disk: memory, a network, an overlay."
		inode = "The file's number in that file system. It stays the same when the file is renamed, and tells a file from another that took its name."
	}
	return append(fields,
		field{"offset", fmt.Sprintf("%08x", uint64(m.Offset)), offset},
		field{"device", m.Dev.String(), device},
		field{"inode", fmt.Sprint(m.Inode), inode},
		field{"name", orNothing(m.Name), nameWords(m)},
	)
}

func orNothing(name string) string {
	if name == "" {
		return "(nothing)"
	}
	return name
}

func permsWords(p layout.Perms) string {
	var may, mayNot []string
	for _, w := range []struct {
		bit  layout.Perms
		word string
	}{{layout.Readable, "read"}, {layout.Writable, "written"}, {layout.Executable, "run as code"}} {
		if p&w.bit != 0 {
			may = append(may, w.word)
		} else {
			mayNot = append(mayNot, w.word)
		}
	}
	words := "It may be " + strings.Join(may, " and ")
	switch {
	case len(may) == 0:
		words = "It may not be touched at all: each access is a fault, as a guard or a reserve wants it"
	case len(mayNot) > 0:
		words += ", but not " + strings.Join(mayNot, " or ")
	}
	if p&layout.Shared != 0 {
		return words + ". s: shared, a write reaches the file and whoever maps it."
	}
	return words + ". p: private, a write goes to a copy of the page that this process alone has."
}

func nameWords(m layout.Mapping) string {
	switch {
	case m.Name == "":
		return "Anonymous memory: no file behind it, and nobody gave it a name. malloc, thread stacks and runtimes get such memory from mmap(2)."
	case strings.HasPrefix(m.Name, "[anon"):
		return "Anonymous memory that the process itself gave a name, by prctl(PR_SET_VMA_ANON_NAME)."
	case m.Inode == 0:
		return "In brackets: the kernel's name for memory that it set up itself. " + kernelNameWords(m.Name)
	case strings.HasSuffix(m.Name, " (deleted)"):
		return "The file's path. The kernel adds (deleted) where the file has no name any more; the bytes stay as long as they are mapped. A file may really be called so, too."
	}
	return `The file's path, to the line's end: blanks in it are part of it. A newline in it is written \012.`
}

// kernelNameWords are what the kernel's names mean.
func kernelNameWords(name string) string {
	words := map[string]string{
		"[heap]":     "[heap] is the memory whose end brk(2) moves; malloc uses it for small blocks.",
		"[stack]":    "[stack] is the first thread's stack; it grows down by itself, up to a limit (ulimit -s).",
		"[vdso]":     "[vdso] is code of the kernel that runs in user space, so that asking for the time needs no system call.",
		"[vvar]":     "[vvar] is the data that the vdso reads.",
		"[vsyscall]": "[vsyscall] is where old programs called for what the vdso does now.",
	}
	return words[name]
}
