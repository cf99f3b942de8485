package report

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// Choice says what of an address space is shown; its zero value is all of it.
// Permissions, file name and size are those of a whole mapping.
type Choice struct {
	Parts []string   // names of PartNames; empty: every part
	Perms PermChoice //
	File  string     // a pattern of path.Match; empty: every name
	Min   addr.Bytes // the smallest mapping
}

// PermChoice are permissions that a mapping has to have, and must not have.
type PermChoice struct{ with, without layout.Perms }

var errPermChoice = errors.New("not letters of rwxsp such as wx, nor permissions such as r-x or r-xp")

// ParsePerms reads letters of rwxsp, which ask for these permissions whatever the
// others are, or permissions as a maps line writes them, with - for those that a
// mapping must not have.
func ParsePerms(text string) (PermChoice, error) {
	var c PermChoice
	bits := map[rune]layout.Perms{'r': layout.Readable, 'w': layout.Writable, 'x': layout.Executable, 's': layout.Shared}
	exact := strings.Contains(text, "-")
	if text == "" || exact && (len(text) < 3 || len(text) > 4) {
		return c, errPermChoice
	}
	for i, letter := range text {
		bit, known := bits[letter]
		switch {
		case letter == 'p' && (!exact || i == 3):
			c.without |= layout.Shared
		case letter == '-' && i < 3:
			c.without |= bits[rune("rwx"[i])]
		case !known, exact && letter != rune("rwxs"[i]):
			return c, errPermChoice
		default:
			c.with |= bit
		}
	}
	if c.with&c.without != 0 {
		return c, errPermChoice
	}
	return c, nil
}

func (c PermChoice) fits(p layout.Perms) bool { return p&c.with == c.with && p&c.without == 0 }

// library is the part name for all that belongs to a library.
const library = "library"

// hyphened is a name that can be typed without quotes.
func hyphened(name string) string { return strings.ReplaceAll(name, " ", "-") }

// PartNames are the names that parts can be chosen by: the textbook's segments, the
// libraries, the kinds.
func PartNames() []string {
	var names []string
	for _, box := range layout.Textbook {
		names = append(names, hyphened(string(box.Segment)))
	}
	names = append(names, library)
	for _, info := range layout.Kinds {
		if name := hyphened(string(info.Kind)); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isPart reports whether p is meant by one of the names. A segment has what the
// picture draws in it; the code of a library is not.
func isPart(p layout.Part, names []string) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return name == hyphened(string(p.Kind)) || p.Library && name == library ||
			!p.Library && name == hyphened(string(p.Segment()))
	})
}

// all is true where nothing is left out.
func (c Choice) all() bool { return len(c.Parts) == 0 && c.mappings() }

// mappings is true where every mapping is shown.
func (c Choice) mappings() bool { return c.Perms == PermChoice{} && c.File == "" && c.Min == 0 }

// mapping reports whether m is shown. A pattern without a slash is held against the
// last element of a path.
func (c Choice) mapping(m layout.Mapping) bool {
	if !c.Perms.fits(m.Perms) || m.Size() < c.Min {
		return false
	}
	if c.File == "" || c.File == m.Name {
		return true
	}
	name := m.Name
	if !strings.Contains(c.File, "/") {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	fits, err := path.Match(c.File, name)
	return err == nil && fits
}

// CheckFile says what is wrong with a pattern for file names.
func CheckFile(pattern string) error {
	if pattern == "" {
		return errors.New("the pattern is empty")
	}
	_, err := path.Match(pattern, "")
	return err
}

// of is s with what was chosen alone. Figures about the whole stay; gaps do not.
func (c Choice) of(s *layout.Space) *layout.Space {
	if c.all() {
		return s
	}
	chosen := s.Chosen()
	used := make([]bool, len(s.Mappings))
	for i, m := range s.Mappings {
		used[i] = c.mapping(m) && len(c.Parts) == 0
	}
	for _, p := range s.Parts {
		if c.mapping(s.Mappings[p.Mapping]) && isPart(p, c.Parts) {
			used[p.Mapping] = true
			chosen.Parts = append(chosen.Parts, p)
		}
	}
	index := make([]int, len(s.Mappings))
	for i, m := range s.Mappings {
		if used[i] {
			index[i] = len(chosen.Mappings)
			chosen.Mappings = append(chosen.Mappings, m)
			if s.Figures != nil {
				chosen.Figures = append(chosen.Figures, s.Figures[i])
			}
		}
	}
	for i := range chosen.Parts {
		chosen.Parts[i].Mapping = index[chosen.Parts[i].Mapping]
	}
	return chosen
}

// Order is an order of a list of mappings.
type Order struct {
	Name  string
	About string
	rows  func(a, b *mapRow) int
	maps  func(a, b layout.Mapping) int // nil: mappings alone can't be put in it

	Resident bool // it goes by figures that have to be read
}

// Orders are the orders that a list can have.
var Orders = []Order{
	{"addr", "from low to high, as the kernel lists them",
		func(a, b *mapRow) int { return cmp.Compare(a.Lo, b.Lo) },
		func(a, b layout.Mapping) int { return cmp.Compare(a.Lo, b.Lo) }, false},
	{"size", "the largest first",
		func(a, b *mapRow) int { return cmp.Compare(b.size, a.size) },
		func(a, b layout.Mapping) int { return cmp.Compare(b.Size(), a.Size()) }, false},
	{"rss", "the most in memory first", func(a, b *mapRow) int { return cmp.Compare(b.rss(), a.rss()) }, nil, true},
}

// of is where the rows stand, one after another; those that are alike in the order
// that they have. A nil order leaves all as they are.
func (o *Order) of(rows []mapRow) []int {
	at := make([]int, len(rows))
	for i := range at {
		at[i] = i
	}
	if o != nil {
		slices.SortFunc(at, func(a, b int) int { return cmp.Or(o.rows(&rows[a], &rows[b]), a-b) })
	}
	return at
}

// ListsMappings reports whether mappings alone can be put in the order.
func (o Order) ListsMappings() bool { return o.maps != nil }

func (r *mapRow) rss() addr.Bytes {
	if r.figures == nil {
		return 0
	}
	return r.figures.RSS
}

// FindOrder is the order of that name.
func FindOrder(name string) (Order, error) {
	var names []string
	for _, o := range Orders {
		if o.Name == name {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return Order{}, fmt.Errorf("no order %q: use %s", name, strings.Join(names, " or "))
}
