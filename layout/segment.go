package layout

import (
	"fmt"
	"slices"
	"strings"

	"memprobe/layout/addr"
)

// Part is a piece of one mapping with one role.
type Part struct {
	addr.Range
	Kind     Kind
	Label    string    // what to call it: section names, the kernel's name, the owner's
	Sections []Section // of the ELF file, by address; the bytes between them are padding
	Object   string    // the mapped file, byte for byte
	Library  bool      // Object is not the program itself
	Zeroed   bool      // not from Object: the loader set it to zero
	Mapping  int       // index of the mapping that the part lies in
}

// Section is a section of an ELF file where it lies in memory.
type Section struct {
	addr.Range
	Name string `json:"name"`
}

// Segment is the textbook's segment that p plays.
func (p Part) Segment() Segment { return p.Kind.Info().Segment }

// Owned is a range whose role somebody vouches for, because they mapped it or keeps
// books of it.
type Owned struct {
	addr.Range
	Kind Kind
	Name string
}

// Knowledge is what is known about an address space beyond its mappings.
type Knowledge struct {
	Images  []Image // ELF files as they were loaded
	Runtime []Owned // areas of a language's runtime: only anonymous memory is theirs
	Stacks  []Stack // of threads: what a program can give to one, and what a runtime calls a stack
	Owned   []Owned // the caller's own; they win over all else
	Shmem   []Dev   // the kernel's devices for memory that has no file but is mapped as if; nil: 00:01, as most kernels have it

	zero fileID // the device that gives zeros, as the process has it: to map it privately is to ask for anonymous memory
}

// Classify cuts each mapping into parts, by address; the parts tile the mapping.
func Classify(maps []Mapping, known Knowledge) []Part {
	layers := [...]layer{
		{disjoint(imageClaims(known.Images)), func(c claim, p Part) bool {
			m := maps[p.Mapping]
			return c.file.matches(m) || c.Zeroed && !m.hasFile() // as .bss goes on behind the file
		}},
		{disjoint(ownedClaims(known.Runtime)), func(_ claim, p Part) bool {
			return p.Kind == KindAnonymous || p.Kind == KindReserved || p.Kind == KindGoHeap || p.Kind == KindGoRuntime
		}},
		{disjoint(stackClaims(known.Stacks)), func(c claim, p Part) bool {
			return slices.Contains(stackMemory, p.Kind) || c.Kind == KindGuard && p.Kind == KindReserved
		}},
		{disjoint(ownedClaims(known.Owned)), func(claim, Part) bool { return true }},
	}
	most := len(maps)
	for _, l := range layers {
		most += 2 * len(l.claims)
	}
	parts := make([]Part, 0, most)
	var whole Part
	for i, m := range maps {
		if i > 0 && m.resembles(&maps[i-1]) {
			whole.Range = m.Range
		} else {
			whole = known.fromName(m)
		}
		whole.Mapping = i
		first := len(parts)
		parts = append(parts, whole)
		for k := range layers {
			parts = layers[k].over(parts, first)
		}
		if len(parts) > first+1 || len(parts[first].Sections) > 0 {
			parts = parts[:first+join(parts[first:])]
		}
	}
	return parts
}

// resembles: all that a line says of m but where it lies is as with q.
func (m *Mapping) resembles(q *Mapping) bool {
	return m.Name == q.Name && m.Inode == q.Inode && m.Dev == q.Dev && m.Perms == q.Perms
}

// hasFile reports whether a file lies behind m. The kernel's own names are in
// brackets; [anon_shmem:NAME] has an inode nevertheless.
func (m Mapping) hasFile() bool { return m.Inode != 0 && !strings.HasPrefix(m.Name, "[") }

// kernelNames are the kernel's names for what it maps or watches itself.
var kernelNames = map[string]Kind{
	"[heap]":        KindBrkHeap,
	"[stack]":       KindProcessStack,
	"[vdso]":        KindVDSO,
	"[vvar]":        KindVVar,
	"[vvar_vclock]": KindVVar,
	"[vsyscall]":    KindVSyscall,
}

// goNames are the names that Go gives its memory where the kernel lets it; what
// else it names is bookkeeping.
var goNames = map[string]Kind{
	"heap":             KindGoHeap,
	"heap reservation": KindGoHeap,
	"user arena chunk": KindGoHeap,
	"OS thread stack":  KindThreadStack,
}

// fromName is the part that a mapping's line alone tells of.
func (k *Knowledge) fromName(m Mapping) Part {
	p := Part{Range: m.Range, Label: m.Name}
	anonName, isAnon := strings.CutPrefix(m.Name, "[anon:")
	goName, isGo := strings.CutPrefix(strings.TrimSuffix(anonName, "]"), " Go: ")
	switch kind, isKernel := kernelNames[m.Name]; {
	case m.hasFile() && k.isShmem(m.Dev) && shmemKind(m) != "":
		p.Kind = shmemKind(m)
	case m.hasFile() && m.file() == k.zero && m.Perms&Shared == 0:
		p.Kind = KindAnonymous
	case m.hasFile() && m.Name != "" && !strings.HasPrefix(m.Name, "/"): // a file's name is a path
		p.Kind = KindKernel
	case m.hasFile():
		p.Kind, p.Object, p.Label = KindFile, m.Name, "file mapping"
	case isKernel:
		p.Kind = kind
	case isAnon && isGo:
		p.Kind, p.Label = KindGoRuntime, "Go: "+goName
		if kind, ok := goNames[goName]; ok {
			p.Kind = kind
		}
	case m.Name == "" && m.Perms&(Readable|Writable|Executable|Shared) == 0:
		p.Kind, p.Label = KindReserved, "reserved"
	case m.Name == "":
		p.Kind, p.Label = KindAnonymous, "anonymous"
	case isAnon, strings.HasPrefix(m.Name, "[anon_shmem:"):
		p.Kind = KindAnonymous
	case strings.HasPrefix(m.Name, "[stack:"): // Linux 3.4 to 4.4 named each thread's
		p.Kind = KindThreadStack
	default:
		p.Kind = KindKernel
	}
	return p
}

// shmemKind is what the kernel's name says of memory without a file of its own. Only on
// the kernel's own devices for it are these names the kernel's.
func shmemKind(m Mapping) Kind {
	switch {
	case m.Name == "/anon_hugepage (deleted)" && m.Perms&Shared == 0:
		return KindAnonymous
	case m.Name == "/dev/zero (deleted)", m.Name == "/anon_hugepage (deleted)":
		return KindShared
	case strings.HasPrefix(m.Name, "/memfd:"), m.Name == "/secretmem (deleted)":
		return KindMemfd
	case strings.HasPrefix(m.Name, "/SYSV"):
		return KindSysV
	}
	return ""
}

func (k *Knowledge) isShmem(d Dev) bool {
	if k.Shmem == nil {
		return d == Dev{0, 1}
	}
	return slices.Contains(k.Shmem, d)
}

// stackClaims are the claims of threads to their stacks and the guards below. The
// first thread's the kernel has named already.
func stackClaims(stacks []Stack) []claim {
	var claims []claim
	for _, s := range stacks {
		if s.First {
			continue
		}
		thread := fmt.Sprintf("thread %d %s", s.TID, s.Name)
		claims = append(claims, claim{Part: Part{Range: s.Range, Kind: KindThreadStack, Label: thread}},
			claim{Part: Part{Range: s.Guard, Kind: KindGuard, Label: "guard of " + thread}})
	}
	return claims
}

// stackMemory are the kinds of memory that a thread's stack may lie in, if its record
// says so: a program may give any memory to a thread. A runtime's heap is not among
// them, for the runtime knows better.
var stackMemory = []Kind{
	KindAnonymous, KindThreadStack, KindBrkHeap, KindData, KindBSS, KindELF, KindShared, KindMemfd, KindSysV, KindFile,
}

// claim is a range that somebody has something to say about.
type claim struct {
	Part
	file fileID
}

func ownedClaims(owned []Owned) []claim {
	claims := make([]claim, len(owned))
	for i, o := range owned {
		claims[i] = claim{Part: Part{Range: o.Range, Kind: o.Kind, Label: o.Name}}
	}
	return claims
}

// layer are claims of one sort, by address. Those that lie below what it was put over
// last are gone.
type layer struct {
	claims []claim
	may    func(claim, Part) bool // whether a claim holds on a part
}

// over cuts the parts of a mapping, those from first on, where claims begin and end, and
// puts the claims there that may be. Mappings come by address.
func (l *layer) over(parts []Part, first int) []Part {
	for len(l.claims) > 0 && l.claims[0].Hi-1 < parts[first].Lo {
		l.claims = l.claims[1:]
	}
	if len(l.claims) == 0 || l.claims[0].Lo > parts[len(parts)-1].Hi-1 {
		return parts
	}
	under, claims := slices.Clone(parts[first:]), l.claims
	parts = parts[:first]
	for _, p := range under {
		for len(claims) > 0 && claims[0].Hi-1 < p.Lo {
			claims = claims[1:]
		}
		rest, last := p, p.Hi-1
		for _, c := range claims {
			if c.Lo > last {
				break
			}
			if !l.may(c, p) {
				continue
			}
			hit := c.Intersect(p.Range)
			if rest.Lo != hit.Lo {
				parts = append(parts, rest.cut(addr.Range{Lo: rest.Lo, Hi: hit.Lo}))
			}
			parts = append(parts, c.on(p, hit))
			rest = rest.cut(addr.Range{Lo: hit.Hi, Hi: p.Hi})
		}
		if rest.Lo != p.Hi {
			parts = append(parts, rest)
		}
	}
	return parts
}

// on is the part that c makes of hit, a piece of p.
func (c claim) on(p Part, hit addr.Range) Part {
	made := c.cut(hit)
	made.Mapping = p.Mapping
	if made.Object == "" {
		made.Object = p.Object
	}
	return made
}

// cut is the piece of p that lies in r, with the sections that lie there.
func (p Part) cut(r addr.Range) Part {
	whole := p.Sections
	p.Range, p.Sections = r, nil
	for _, s := range whole {
		if both := s.Intersect(r); both.Size() > 0 {
			p.Sections = append(p.Sections, Section{both, s.Name})
		}
	}
	return p
}

// disjoint sorts claims by address, drops the empty and cuts those that overlap the
// one below.
func disjoint(claims []claim) []claim {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.Size() == 0 })
	slices.SortStableFunc(claims, func(a, b claim) int {
		switch {
		case a.Lo < b.Lo:
			return -1
		case a.Lo > b.Lo:
			return 1
		}
		return 0
	})
	out := claims[:0]
	for _, c := range claims {
		if len(out) > 0 {
			last := out[len(out)-1].Hi - 1
			if c.Hi-1 <= last {
				continue
			}
			c.Lo = max(c.Lo, last+1)
		}
		out = append(out, c)
	}
	return out
}

// join makes one part of neighbours in one mapping that differ in nothing but the
// sections of their object, and gives their number.
func join(parts []Part) (n int) {
	for i := range parts {
		p := &parts[i]
		if n > 0 && parts[n-1].joins(p) {
			parts[n-1].Hi = p.Hi
			parts[n-1].Sections = append(parts[n-1].Sections, p.Sections...)
			continue
		}
		if n < i {
			parts[n] = *p
		}
		n++
	}
	for i := range parts[:n] {
		if p := &parts[i]; len(p.Sections) > 0 {
			p.Label = sectionNames(p.Sections)
		}
	}
	return n
}

func (p *Part) joins(q *Part) bool {
	return p.Mapping == q.Mapping && p.Kind == q.Kind && p.Object == q.Object && p.Library == q.Library && p.Zeroed == q.Zeroed &&
		(p.Label == q.Label || slices.Contains(elfKinds, p.Kind))
}

// elfKinds are the kinds that an ELF file's sections have.
var elfKinds = []Kind{KindText, KindROData, KindRelRO, KindData, KindBSS, KindELF}

func sectionNames(sections []Section) string {
	var names []string
	seen := make(map[string]bool, len(sections))
	for _, s := range sections {
		if !seen[s.Name] {
			seen[s.Name] = true
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, " ")
}
