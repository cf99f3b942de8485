package layout

import (
	"encoding/json"
	"errors"
	"fmt"

	"memprobe/layout/addr"
)

// What a snapshot that does not read back is told by.
var (
	ErrNoSnapshot = errors.New("not a snapshot of memprobe: memprobe maps --format json writes one")
	errChosen     = errors.New("only some of an address space, chosen by --part, --perm, --file-name or --min: write all of it")
	errSchema     = errors.New("written by another version of memprobe")
	errOrder      = errors.New("damaged snapshot: its mappings overlap or step back")
	errTiles      = errors.New("damaged snapshot: its parts do not tile the mappings")
	errCounts     = errors.New("damaged snapshot: it has not as many figures as mappings")
	errUser       = errors.New("damaged snapshot: its page size or the size of user space can't be")
)

const schema = 1

// UnmarshalJSON reads what MarshalJSON wrote. What a damaged snapshot says is checked,
// so that all that works on a space works on it.
func (s *Space) UnmarshalJSON(text []byte) error {
	var j spaceJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("%w (%w)", ErrNoSnapshot, err)
	}
	switch {
	case j.Schema == 0 || j.Mappings == nil || j.Parts == nil:
		return ErrNoSnapshot
	case j.Schema != schema:
		return fmt.Errorf("snapshot with schema %d, not %d: %w", j.Schema, schema, errSchema)
	case j.Chosen:
		return errChosen
	case j.PageSize == 0 || j.PageSize&(j.PageSize-1) != 0 || j.UserBits < 1 || j.UserBits > 63:
		return errUser
	case len(j.Figures) != 0 && len(j.Figures) != len(j.Mappings):
		return errCounts
	}
	comm, errComm := exact(j.Comm, j.CommHex)
	exe, errExe := exact(j.Exe, j.ExeHex)
	if err := errors.Join(errComm, errExe, checkOrder(j.Mappings), checkTiles(j.Mappings, j.Parts)); err != nil {
		return err
	}
	*s = Space{
		PID: j.PID, Comm: comm, Exe: exe, Arch: j.Arch, PageSize: j.PageSize, UserBits: j.UserBits, Reserved: j.Reserved,
		Changed: j.Changed, Notes: j.Notes, Text: j.Text, Started: j.Started,
		Mappings: j.Mappings, Figures: j.Figures, Parts: j.Parts, Gaps: j.Gaps, Threads: j.Threads, Stacks: j.Stacks,
	}
	if j.Resident != nil {
		s.Resident, s.ResidentKnown = *j.Resident, true
	}
	if j.Args != nil {
		s.Args = *j.Args
	}
	if j.Env != nil {
		s.Env = *j.Env
	}
	return nil
}

func checkOrder(maps []Mapping) error {
	for i, m := range maps {
		if m.Size() == 0 || m.Hi != 0 && m.Hi < m.Lo || i > 0 && !follows(m.Range, maps[i-1].Range) {
			return errOrder
		}
	}
	return nil
}

// checkTiles: the parts of each mapping follow each other from its start to its end.
func checkTiles(maps []Mapping, parts []Part) error {
	next := 0
	for i, m := range maps {
		at := m.Lo
		for ; next < len(parts) && parts[next].Mapping == i; next++ {
			p := parts[next]
			if p.Lo != at || p.Size() == 0 || !m.Covers(p.Range) {
				return errTiles
			}
			at = p.Hi
		}
		if at != m.Hi {
			return errTiles
		}
	}
	if next != len(parts) {
		return errTiles
	}
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Part) UnmarshalJSON(text []byte) error {
	var j partJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	object, errObject := exact(j.Object, j.ObjectHex)
	label, errLabel := exact(j.Label, j.LabelHex)
	*p = Part{
		Range: j.Range, Kind: j.Kind, Label: label, Sections: j.Sections, Object: object, Library: j.Library, Zeroed: j.Zeroed, Mapping: j.Mapping,
	}
	return errors.Join(errObject, errLabel)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (g *Gap) UnmarshalJSON(text []byte) error {
	var j gapJSON
	err := json.Unmarshal(text, &j)
	*g = Gap{j.Range, j.Segment}
	return err
}

type stackJSON struct {
	addr.Range
	Size    addr.Bytes  `json:"size"`
	TID     int         `json:"tid"`
	Name    string      `json:"name"`
	NameHex string      `json:"name_hex,omitempty"`
	First   bool        `json:"first,omitempty"`
	SP      *addr.Addr  `json:"sp,omitempty"`
	FoundBy FoundBy     `json:"found_by"`
	Touched *addr.Bytes `json:"touched,omitempty"`
	Deepest *addr.Addr  `json:"deepest,omitempty"`
	Guard   *addr.Range `json:"guard,omitempty"`
	ToGuard *addr.Bytes `json:"to_guard,omitempty"`
	Limit   addr.Bytes  `json:"limit,omitempty"`
	Depth   *addr.Bytes `json:"depth,omitempty"`
	Start   addr.Addr   `json:"start_data,omitzero"`
	Record  addr.Addr   `json:"thread_record,omitzero"`
	Vars    *addr.Range `json:"thread_variables,omitempty"`
}

// MarshalJSON writes s; what is not known is left out.
func (s Stack) MarshalJSON() ([]byte, error) {
	j := stackJSON{
		Range: s.Range, Size: s.Size(), TID: s.TID, Name: s.Name, NameHex: hexUnlessUTF8(s.Name), First: s.First,
		FoundBy: s.FoundBy, Limit: s.Limit, Guard: unlessEmpty(s.Guard), Start: s.Start, Record: s.Record, Vars: unlessEmpty(s.Vars),
	}
	if s.SP != 0 {
		j.SP = &s.SP
	}
	if n, known := s.ToGuard(); known {
		j.Touched, j.Deepest, j.ToGuard = &s.Touched, &s.Deepest, &n
	}
	if n, known := s.Depth(); known {
		j.Depth = &n
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Stack) UnmarshalJSON(text []byte) error {
	var j stackJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	name, err := exact(j.Name, j.NameHex)
	*s = Stack{Range: j.Range, TID: j.TID, Name: name, First: j.First, FoundBy: j.FoundBy, Limit: j.Limit, Start: j.Start, Record: j.Record}
	if j.SP != nil {
		s.SP = *j.SP
	}
	if j.Touched != nil && j.Deepest != nil {
		s.Touched, s.Deepest = *j.Touched, *j.Deepest
	}
	if j.Guard != nil {
		s.Guard = *j.Guard
	}
	if j.Vars != nil {
		s.Vars = *j.Vars
	}
	return err
}
