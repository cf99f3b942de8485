package layout

import (
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"

	"memprobe/layout/addr"
)

// JSON is UTF-8, names on Linux are bytes. A name that is not UTF-8 appears twice:
// as text, with U+FFFD for what is broken, and exactly, in hexadecimal.

// hexUnlessUTF8 is s in hexadecimal where its text alone would lose bytes.
func hexUnlessUTF8(s string) string {
	if utf8.ValidString(s) {
		return ""
	}
	return hex.EncodeToString([]byte(s))
}

// exact is the string that text and hexadecimal together stand for.
func exact(text, hexText string) (string, error) {
	if hexText == "" {
		return text, nil
	}
	raw, err := hex.DecodeString(hexText)
	return string(raw), err
}

type mappingJSON struct {
	addr.Range
	Size    addr.Bytes `json:"size"`
	Perms   Perms      `json:"perms"`
	Offset  addr.Addr  `json:"offset"` // in hexadecimal, as in a maps file: it may exceed 2^53
	Dev     Dev        `json:"dev"`
	Inode   uint64     `json:"inode,string"`
	Name    string     `json:"name"`
	NameHex string     `json:"name_hex,omitempty"`
}

// form is m's fields, its name as name and, where that is not UTF-8, as name_hex as well.
func (m Mapping) form() mappingJSON {
	return mappingJSON{
		m.Range, m.Size(), m.Perms, addr.Addr(m.Offset), m.Dev, m.Inode, m.Name, hexUnlessUTF8(m.Name),
	}
}

// MarshalJSON writes m's form.
func (m Mapping) MarshalJSON() ([]byte, error) { return json.Marshal(m.form()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Mapping) UnmarshalJSON(text []byte) error {
	var j mappingJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	name, err := exact(j.Name, j.NameHex)
	*m = Mapping{j.Range, j.Perms, addr.Bytes(j.Offset), j.Dev, j.Inode, name}
	return err
}
