package layout

import (
	"bufio"
	"cmp"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"memprobe/layout/addr"
)

// Why an address has no symbol, told apart by errors.Is.
var (
	ErrNoELF    = errors.New("no ELF file is loaded there")
	ErrStripped = errors.New("the file is stripped: it has no symbols, or only those it shares with others")
	ErrNoSymbol = errors.New("no symbol of the file holds the address")
)

// Symbol is a function or a variable as the linker named it, where it lies in memory.
type Symbol struct {
	addr.Range            // empty at the symbol's address where the file does not tell its size
	Name       string     // byte for byte, as the compiler made it up: nothing is demangled
	Object     string     // the file that names it, byte for byte
	Offset     addr.Bytes // from its start to the address that was asked for
	Table      string     // .symtab, or .dynsym: what the file shares with others
}

// Sized reports whether the file tells the symbol's size. If not, the address lies
// behind the symbol and before the next one, and may belong to it or not.
func (y Symbol) Sized() bool { return y.Size() > 0 }

type symbolJSON struct {
	addr.Range
	Size      addr.Bytes `json:"size"` // 0: not told
	Name      string     `json:"name"`
	NameHex   string     `json:"name_hex,omitempty"`
	Object    string     `json:"object"`
	ObjectHex string     `json:"object_hex,omitempty"`
	Offset    addr.Bytes `json:"offset"`
	Table     string     `json:"table"`
}

// MarshalJSON writes y with its size; names that are not UTF-8 come in hexadecimal as
// well.
func (y Symbol) MarshalJSON() ([]byte, error) {
	return json.Marshal(symbolJSON{
		y.Range, y.Size(), y.Name, hexUnlessUTF8(y.Name), y.Object, hexUnlessUTF8(y.Object), y.Offset, y.Table,
	})
}

// symbolTable is a table of symbols of an ELF file. debug/elf would make a string of
// each name; of a million symbols one is wanted here.
type symbolTable struct {
	name    string
	entries []symbolEntry
	names   io.ReaderAt
}

// symbolEntry is an ELF symbol.
type symbolEntry struct {
	value, size   uint64
	name          uint32 // offset of its name
	section, info uint16
}

const (
	longestName = 1 << 20 // of which the rest is cut
	mostAliases = 64      // names of one address that are looked at
	mostMarks   = 64      // addresses with nothing but marks that are stepped over
)

var errTable = errors.New("damaged ELF file: a table of symbols is not where it should be")

// symbolTables reads f's tables, the full one first.
func (r *elfReader) symbolTables(f *elf.File) ([]symbolTable, error) {
	var tables []symbolTable
	for _, wanted := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		for _, s := range f.Sections {
			if s.Type != wanted {
				continue
			}
			if s.FileSize > r.symbols {
				return nil, tooGreat("bytes of symbols", s.FileSize, r.symbols)
			}
			if int(s.Link) >= len(f.Sections) || f.Sections[s.Link].Type != elf.SHT_STRTAB {
				return nil, errTable
			}
			if s.ReaderAt == nil || f.Sections[s.Link].ReaderAt == nil { // compressed, as no linker does
				return nil, errTable
			}
			entries, err := symbolEntries(f, io.NewSectionReader(s, 0, int64(s.FileSize)))
			if err != nil {
				return nil, err
			}
			r.symbols -= s.FileSize
			t := symbolTable{name: ".dynsym", entries: entries, names: f.Sections[s.Link].ReaderAt}
			if wanted == elf.SHT_SYMTAB {
				t.name = ".symtab"
			}
			tables = append(tables, t)
			break // the format has one of a kind
		}
	}
	return tables, nil
}

// symbolEntries takes from a table what has an address: functions, variables,
// and labels in code. It leaves out a thread's own variables, whose addresses are
// none, and functions whose address is found when the program starts: the symbol's
// is that of what finds it.
func symbolEntries(f *elf.File, table *io.SectionReader) (entries []symbolEntry, err error) {
	size := elf.Sym64Size
	if f.Class == elf.ELFCLASS32 {
		size = elf.Sym32Size
	}
	entries = make([]symbolEntry, 0, table.Size()/int64(size))
	pieces := bufio.NewReaderSize(table, pieceSize)
	text := make([]byte, size)
	for range cap(entries) {
		if _, err := io.ReadFull(pieces, text); err != nil {
			return nil, errTable
		}
		e := symbolEntry{name: f.ByteOrder.Uint32(text)}
		if f.Class == elf.ELFCLASS32 {
			e.value, e.size = uint64(f.ByteOrder.Uint32(text[4:])), uint64(f.ByteOrder.Uint32(text[8:]))
			e.info, e.section = uint16(text[12]), f.ByteOrder.Uint16(text[14:])
		} else {
			e.info, e.section = uint16(text[4]), f.ByteOrder.Uint16(text[6:])
			e.value, e.size = f.ByteOrder.Uint64(text[8:]), f.ByteOrder.Uint64(text[16:])
		}
		if int(e.section) >= len(f.Sections) || e.section == uint16(elf.SHN_UNDEF) {
			continue
		}
		in := f.Sections[e.section]
		if in.Flags&elf.SHF_ALLOC == 0 || in.Flags&elf.SHF_TLS != 0 || e.value-in.Addr >= in.Size {
			continue
		}
		switch e.kind() {
		case elf.STT_FUNC:
			if f.Machine == elf.EM_ARM {
				e.value &^= 1 // says that the function is Thumb code
			}
		case elf.STT_OBJECT:
		case elf.STT_NOTYPE:
			if in.Flags&elf.SHF_EXECINSTR == 0 {
				continue
			}
		default:
			continue
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (e symbolEntry) kind() elf.SymType { return elf.ST_TYPE(uint8(e.info)) }

// rank orders the names of one address: what all files see comes before what only
// this one does.
func (e symbolEntry) rank() int {
	switch elf.ST_BIND(uint8(e.info)) {
	case elf.STB_GLOBAL:
		return 0
	case elf.STB_WEAK:
		return 1
	}
	return 2
}

// findSymbol is the symbol of f's tables at v, an address of the file's own. The
// Symbol's Range is in these addresses too.
func findSymbol(f *elf.File, tables []symbolTable, v uint64) (Symbol, error) {
	section := -1
	for i, s := range f.Sections {
		tls := s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_TLS != 0
		if s.Flags&elf.SHF_ALLOC != 0 && !tls && v-s.Addr < s.Size {
			section = i
			break
		}
	}
	var behind *Symbol // the nearest whose size is not told
	for _, t := range tables {
		if section < 0 {
			break
		}
		found, ok := t.find(f, uint16(section), v)
		if ok && found.Sized() {
			return found, nil
		}
		if ok && behind == nil {
			behind = &found
		}
	}
	switch {
	case behind != nil:
		return *behind, nil
	case len(tables) == 0 || tables[0].name != ".symtab":
		return Symbol{}, ErrStripped
	}
	return Symbol{}, ErrNoSymbol
}

// find is the symbol of t in that section that holds v: of several the one that
// starts last, so the innermost. Where none does it is the nearest below, if its size
// is not told. Marks are none: what lies below them is.
func (t symbolTable) find(f *elf.File, section uint16, v uint64) (Symbol, bool) {
	highest := v
	for range mostMarks {
		holding, below, ended := t.around(section, v, highest)
		list := holding
		if len(holding) == 0 {
			if len(below) == 0 || ended > below[0].value {
				return Symbol{}, false
			}
			list = below
		}
		if e, name := t.choose(f.Machine, list); name != "" {
			in := f.Sections[section]
			size := min(e.size, in.Addr+in.Size-e.value)
			return Symbol{Range: addr.Span(addr.Addr(e.value), addr.Bytes(size)), Name: name, Offset: addr.Bytes(v - e.value), Table: t.name}, true
		}
		if len(holding) > 0 || below[0].value == 0 || !t.areMarks(f.Machine, below) {
			return Symbol{}, false
		}
		highest = below[0].value - 1
	}
	return Symbol{}, false
}

// around are the symbols in that section, of those that start at highest or below, that
// hold v, and of those whose size is not told; of both the ones that start last. ended is
// the highest end of those that end at v or below.
func (t symbolTable) around(section uint16, v, highest uint64) (holding, below []symbolEntry, ended uint64) {
	for _, e := range t.entries {
		if e.section != section || e.value > highest {
			continue
		}
		list := &below
		if v-e.value < e.size {
			list = &holding
		} else if e.size > 0 {
			ended = max(ended, e.value+e.size)
			continue
		}
		if last := *list; len(last) > 0 && last[0].value != e.value {
			if e.value < last[0].value {
				continue
			}
			*list = last[:0]
		}
		if len(*list) < mostAliases {
			*list = append(*list, e)
		}
	}
	return holding, below, ended
}

// choose takes one of several symbols that start together: a global one before a weak
// one before a local one, then the one with the fewest underscores in front, then
// the smallest.
func (t symbolTable) choose(machine elf.Machine, list []symbolEntry) (best symbolEntry, name string) {
	for _, e := range list {
		n := t.nameAt(e.name)
		if n == "" || isMark(machine, e, n) {
			continue
		}
		order := cmp.Or(
			cmp.Compare(e.rank(), best.rank()), cmp.Compare(underscores(n), underscores(name)),
			cmp.Compare(e.size, best.size), strings.Compare(n, name),
		)
		if name == "" || order < 0 {
			best, name = e, n
		}
	}
	return best, name
}

func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }

// isMark reports whether name only says that code or data begins there, as the
// linkers of some machines note.
func isMark(machine elf.Machine, e symbolEntry, name string) bool {
	switch machine {
	case elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV:
		return e.kind() == elf.STT_NOTYPE && name[0] == '$'
	}
	return false
}

// areMarks reports whether all of list are marks.
func (t symbolTable) areMarks(machine elf.Machine, list []symbolEntry) bool {
	return !slices.ContainsFunc(list, func(e symbolEntry) bool {
		n := t.nameAt(e.name)
		return n == "" || !isMark(machine, e, n)
	})
}

// nameAt is the name at offset at, up to its NUL.
func (t symbolTable) nameAt(at uint32) string {
	text, err := bufio.NewReaderSize(io.NewSectionReader(t.names, int64(at), longestName), 256).ReadString(0)
	if err != nil && len(text) < longestName {
		return "" // the file ends before the name does
	}
	return strings.TrimSuffix(text, "\x00")
}
