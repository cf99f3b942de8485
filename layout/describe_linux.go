package layout

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"memprobe/layout/addr"
)

// Describe reads process pid, 0 being this one, and says what lies where. The error is a
// *ProcessError, as with Read; one that is ErrTorn is not returned: the space is marked
// as changed then. What could not be looked at beside the mappings is in its notes.
func Describe(pid int, o Options) (*Space, error) {
	return living(pid, func(p process) (*Space, error) { return p.describe(pid, o) })
}

// describe reads process pid, of which p is a thread that lives, and says what lies where.
func (p process) describe(pid int, o Options) (*Space, error) {
	list, err := p.list(o.Resident)
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, err
	}
	maps := list.maps
	s := &Space{
		PID: process{pid}.number(), PageSize: addr.Bytes(os.Getpagesize()), Changed: err != nil, Started: list.who.started,
		Mappings: maps, Figures: list.figures,
	}
	if comm, err := readProc(process{pid}.file("comm")); err == nil {
		s.Comm = strings.TrimSuffix(string(comm), "\n")
	}
	s.Exe, _ = os.Readlink(p.file("exe"))
	s.Resident, s.ResidentKnown = p.resident(s.PageSize)
	known := s.explain(p)
	known.Owned, known.Shmem, known.zero = o.Owned, shmemDevices(), p.zeroDevice()
	s.findStacks(p)
	s.findStart(p)
	known.Stacks = s.Stacks
	s.Parts = Classify(maps, known)
	s.keepStacks()
	cpu, _ := readProc("/proc/cpuinfo")
	s.UserBits = userBits(s.Arch, maps, bytes.Contains(cpu, []byte(" la57 ")))
	s.measure()
	if now := p.identity(); now != list.who && list.who != (identity{}) {
		return nil, ErrCutShort
	}
	if p.pid != pid { // another thread may have started later
		s.Started = process{pid}.identity().started
		s.Notes = append(s.Notes, "the first thread has ended, others live: what they share is shown")
	}
	return s, nil
}

// resident is what /proc/PID/statm says is in memory.
func (p process) resident(page addr.Bytes) (addr.Bytes, bool) {
	text, err := readProc(p.file("statm"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return addr.Bytes(pages) * page, err == nil
}

// arches are Go's names for ELF's machines.
var arches = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
}

const (
	mostFiles = 8192 // whose code is mapped, and that are looked at
	mostNoted = 32   // notes about them
)

// explain finds out what can be known from the files that s's mappings have, and
// from the memory of the Go programs among them. It sets s's architecture.
func (s *Space) explain(p process) (known Knowledge) {
	var mem io.ReaderAt
	if opened, err := p.openMemory(); err == nil {
		defer opened.Close()
		mem = opened
	}
	reader := newELFReader()
	files := executables(s.Mappings)
	for _, own := range files[:min(len(files), mostFiles)] {
		images, areas, err := s.openAndExplain(p, reader, own, mem)
		if err != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("%s: its sections are not known: %v", own[0].Name, err))
		}
		known.Images = append(known.Images, images...)
		known.Runtime = append(known.Runtime, areas...)
	}
	if more := len(s.Notes) - mostNoted; more > 0 {
		s.Notes = append(s.Notes[:mostNoted], fmt.Sprintf("and so on: %d notes more about files that are mapped", more))
	}
	if more := len(files) - mostFiles; more > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("code of %d files is mapped, more than are looked at: of %d the sections are not known", len(files), more))
	}
	if s.Arch == "" && p.pid == 0 {
		s.Arch = runtime.GOARCH
	}
	program := s.findProgram(known.Images)
	for i := range known.Images {
		known.Images[i].Library = known.Images[i].Path != program
	}
	return known
}

// findProgram is the path of the program among images: the file that the kernel ran,
// unless that is a loader that was told on its command line which program to load. The
// kernel knows of the loader alone then, so what the files say of themselves decides.
func (s *Space) findProgram(images []Image) string {
	var others []string // marked as programs
	candidates := false
	for _, image := range images {
		switch {
		case image.Path == s.Exe && image.Sort != MayBeEither:
			return s.Exe
		case image.Path != s.Exe && image.Sort == Program && !slices.Contains(others, image.Path):
			others = append(others, image.Path)
		case image.Path != s.Exe && image.Sort == Interpreted:
			candidates = true
		}
	}
	if !slices.ContainsFunc(images, func(i Image) bool { return i.Path == s.Exe }) {
		return s.Exe
	}
	switch {
	case len(others) == 1:
		s.Notes = append(s.Notes, fmt.Sprintf("%s was run as a command, to load %s: that is shown as the program", s.Exe, others[0]))
		return others[0]
	case len(others) > 1 || candidates:
		s.Notes = append(s.Notes, s.Exe+" may have been run as a command, to load a program: which file is the program is not known, and it is shown as such itself")
	}
	return s.Exe
}

// openAndExplain is explainFile for the file that own are the mappings of.
func (s *Space) openAndExplain(p process, r *elfReader, own []Mapping, mem io.ReaderAt) ([]Image, []Owned, error) {
	file, err := p.openMapped(own[0], s.Exe)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	return s.explainFile(r, file, own, mem)
}

// explainFile finds where file, mapped as own, was loaded, and the areas of a Go
// program. A file that is not ELF gives nothing; one that is damaged an error, even
// where debug/elf, which trusts its input, panics.
func (s *Space) explainFile(r *elfReader, file io.ReaderAt, own []Mapping, mem io.ReaderAt) (images []Image, areas []Owned, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("damaged ELF file: %v", cause)
		}
	}()
	f, err := r.open(file)
	if err == errNotELF {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if own[0].Name == s.Exe {
		s.Arch = arches[f.Machine]
		s.vars = varsBelowRecord(f)
	}
	if len(f.Sections) == 0 {
		s.Notes = append(s.Notes, own[0].Name+" has no section table: its code and its data are told apart by its segments alone")
	}
	images, err = r.images(own, f, s.PageSize)
	for i := range images {
		if !isGo(f) {
			continue
		}
		s.hasGo = true
		if mem == nil {
			continue
		}
		found, why := r.goAreas(s.Mappings, f, images[i].Bias, mem, s.PageSize)
		if why != nil {
			s.Notes = append(s.Notes, fmt.Sprintf("%s is %v: which memory is its runtime's is not known", own[0].Name, why))
		}
		areas = append(areas, found...)
	}
	return images, areas, err
}

// executables groups the mappings of each file that has code mapped, in the order of
// their lowest address. Other files were not loaded as programs.
func executables(maps []Mapping) (groups [][]Mapping) {
	code := map[fileID]bool{}
	for _, m := range maps {
		if m.hasFile() && m.Perms&Executable != 0 {
			code[m.file()] = true
		}
	}
	if len(code) == 0 {
		return nil
	}
	group := map[fileID]int{}
	var data fileID // of the mapping before, if it has no code: often of the next as well
	for _, m := range maps {
		id := m.file()
		if !m.hasFile() || id == data {
			continue
		}
		if !code[id] {
			data = id
			continue
		}
		if _, seen := group[id]; !seen {
			group[id] = len(groups)
			groups = append(groups, nil)
		}
		groups[group[id]] = append(groups[group[id]], m)
	}
	return groups
}
