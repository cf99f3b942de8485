package layout

import (
	"bytes"
	"encoding/json"
	"testing"

	"memprobe/layout/addr"
)

// TestSpaceIsWrittenWhole: element by element comes out what encoding/json makes of the
// whole, whatever the names around the lists are like.
func TestSpaceIsWrittenWhole(t *testing.T) {
	const name = `"mappings":[ \"parts":[{"gaps":[` + "<\xff\n"
	full := &Space{
		PID: 1, Comm: name, Exe: name, PageSize: 4096, UserBits: 47, Notes: []string{name}, Resident: 7, ResidentKnown: true,
		Mappings: []Mapping{{Range: addr.Range{Lo: 0x1000, Hi: 0x2000}, Name: name}, {Range: addr.Range{Lo: 0x3000, Hi: 0x4000}, Perms: Readable | Writable | Executable}},
		Parts: []Part{
			{Range: addr.Range{Lo: 0x1000, Hi: 0x2000}, Kind: KindELF, Label: name, Object: name, Sections: []Section{{Name: name}}},
			{Range: addr.Range{Lo: 0x3000, Hi: 0x4000}, Kind: KindAnonymous, Label: "anonymous", Mapping: 1},
		},
		Gaps:    []Gap{{Range: addr.Range{Lo: 0x2000, Hi: 0x3000}, Segment: SegmentFree}, {Range: addr.Range{Lo: 0x4000, Hi: 0x5000}, Segment: SegmentNotDrawn}},
		Figures: []Figures{{RSS: 1, Flags: name}, {}},
		Stacks:  []Stack{{Range: addr.Range{Lo: 0x3000, Hi: 0x4000}, TID: 1, Name: name}},
	}
	bare := *full
	bare.Figures, bare.Stacks, bare.ResidentKnown = nil, nil, false
	for what, s := range map[string]*Space{"all lists": full, "no figures": &bare, "nothing": {}, "chosen, and nothing": full.Chosen()} {
		whole := spaceJSON{
			Schema: schema, PID: s.PID, Comm: s.Comm, CommHex: hexUnlessUTF8(s.Comm), Exe: s.Exe, ExeHex: hexUnlessUTF8(s.Exe), PageSize: s.PageSize,
			UserBits: s.UserBits, Notes: orEmpty(s.Notes), Mappings: orEmpty(s.Mappings), Parts: orEmpty(s.Parts), Gaps: orEmpty(s.Gaps), Chosen: s.whole != nil,
			Figures: s.Figures, Stacks: orEmpty(s.Stacks), Findings: orEmpty(s.Findings()),
		}
		if s.ResidentKnown {
			whole.Resident = &s.Resident
		}
		want, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := s.WriteJSON(&got); err != nil || got.String() != string(want) {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", what, err, got.Bytes(), want)
		}
		if marshalled, err := json.Marshal(s); err != nil || string(marshalled) != string(want) {
			t.Errorf("%s: %v, marshalled as\n%s\nwant\n%s", what, err, marshalled, want)
		}
	}
}
