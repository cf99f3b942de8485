package lesson

import (
	"encoding/binary"

	"memprobe/probe"
)

// drop is a call of `drop(v)`, which v is moved into and ends with.
func drop(m *probe.Machine, v *probe.Local) {
	m.Call("drop", probe.Arg("_x", v))
	m.Return()
}

// outcome says what came of a request to free a block: err is nil where it was granted.
func outcome(err error) string {
	if err == nil {
		return "the heap takes it"
	}
	return "the heap refuses: " + err.Error()
}

// i32 is the bytes of a number that the checked heap is to store.
func i32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
