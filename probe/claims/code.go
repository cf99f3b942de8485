package claims

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"

	"memprobe/layout/addr"
)

// prologue is what a compiled function begins with: the instructions up to the one
// that takes room for the frame from the stack pointer.
type prologue struct {
	at           addr.Addr
	code         []byte // of the instructions
	instructions []string
	frame        int // bytes that the last one takes
}

func (p prologue) bytes() string { return fmt.Sprintf("% x", p.code) }
func (p prologue) text() string  { return strings.Join(p.instructions, "; ") }
func (p prologue) last() string  { return p.instructions[len(p.instructions)-1] }

// longestPrologue is how much of a function is looked at.
const longestPrologue = 64

// ownPrologue reads the prologue of a function of this program from memory.
func ownPrologue(function any) prologue {
	at := reflect.ValueOf(function).Pointer()
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		lose("read machine code: %v", err)
	}
	defer mem.Close()
	code := make([]byte, longestPrologue)
	if _, err := mem.ReadAt(code, int64(at)); err != nil {
		lose("read machine code at %#x: %v", at, err)
	}
	p, err := decode(runtime.GOARCH, code)
	if err != nil {
		lose("the machine code at %#x: %v", at, err)
	}
	p.at = addr.Addr(at)
	return p
}

// framed has a frame with an array in it.
//
//go:noinline
func framed(n int) byte {
	var room [64]byte
	for i := range room {
		room[i] = byte(i * n)
	}
	return room[n&63]
}

// decode reads the prologues that Go's compiler writes, and nothing else.
func decode(arch string, code []byte) (prologue, error) {
	switch arch {
	case "amd64":
		return decodeAMD64(code)
	case "arm64":
		return decodeARM64(code)
	}
	return prologue{}, fmt.Errorf("no decoder for %s", arch)
}

// known are instructions of amd64 that come before the one that is looked for.
var known = []struct {
	code []byte
	more int // bytes of an operand behind it
	text string
}{
	{[]byte{0x49, 0x3b, 0x66, 0x10}, 0, "cmp rsp, [r14+16]"},
	{[]byte{0x4d, 0x3b, 0x66, 0x10}, 0, "cmp r12, [r14+16]"},
	{[]byte{0x4c, 0x8d, 0x64, 0x24}, 1, "lea r12, [rsp-n]"},
	{[]byte{0x4c, 0x8d, 0xa4, 0x24}, 4, "lea r12, [rsp-n]"},
	{[]byte{0x76}, 1, "jbe (grow the stack)"},
	{[]byte{0x0f, 0x86}, 4, "jbe (grow the stack)"},
	{[]byte{0x55}, 0, "push rbp"},
	{[]byte{0x48, 0x89, 0xe5}, 0, "mov rbp, rsp"},
}

func decodeAMD64(code []byte) (prologue, error) {
	var p prologue
next:
	for at := 0; ; {
		rest := code[at:]
		take := func(n, frame int) (prologue, error) {
			p.frame, p.code = frame, code[:at+n]
			p.instructions = append(p.instructions, fmt.Sprintf("sub rsp, %d", frame))
			return p, nil
		}
		switch {
		case len(rest) >= 4 && bytes.HasPrefix(rest, []byte{0x48, 0x83, 0xec}):
			return take(4, int(int8(rest[3])))
		case len(rest) >= 4 && bytes.HasPrefix(rest, []byte{0x48, 0x83, 0xc4}) && int8(rest[3]) < 0: // add of a negative number
			return take(4, -int(int8(rest[3])))
		case len(rest) >= 7 && bytes.HasPrefix(rest, []byte{0x48, 0x81, 0xec}):
			return take(7, int(binary.LittleEndian.Uint32(rest[3:])))
		}
		for _, k := range known {
			if n := len(k.code) + k.more; bytes.HasPrefix(rest, k.code) && len(rest) > n {
				p.instructions = append(p.instructions, k.text)
				at += n
				continue next
			}
		}
		return p, fmt.Errorf("no prologue as Go's compiler writes them: % x", code)
	}
}

func decodeARM64(code []byte) (prologue, error) {
	var p prologue
	for at := 0; at+4 <= len(code); at += 4 {
		word := binary.LittleEndian.Uint32(code[at:])
		add := func(text string) { p.instructions = append(p.instructions, text) }
		switch {
		case word&^(0x1ff<<12) == 0xf8000ffe: // pre-indexed store of the link register
			n := int(word>>12&0x1ff) - 0x200
			p.frame, p.code = -n, code[:at+4]
			add(fmt.Sprintf("str x30, [sp, #%d]!", n))
			return p, nil
		case word == 0x9100029f:
			p.code = code[:at+4]
			add("mov sp, x20")
			return p, nil
		case word&^(0xfff<<10) == 0xd10003f4:
			p.frame = int(word >> 10 & 0xfff)
			add(fmt.Sprintf("sub x20, sp, #%d", p.frame))
		case word == 0xa93ffa9d:
			add("stp x29, x30, [x20, #-8]")
		case word == 0xf9400b90:
			add("ldr x16, [x28, #16]")
		case word == 0xeb3063ff:
			add("cmp sp, x16")
		case word&^(0x7ffff<<5) == 0x54000009:
			add("b.ls (grow the stack)")
		default:
			return p, fmt.Errorf("no prologue as Go's compiler writes them: % x", code)
		}
	}
	return p, fmt.Errorf("no prologue as Go's compiler writes them: % x", code)
}

// inlined is short enough for a compiler to put its body where it is called.
func inlined(pcs []uintptr) int { return runtime.Callers(1, pcs) }

// callsWithoutFrame reports whether a call of inlined has no frame of its own in this
// program: Go's runtime knows no function for such a one.
func callsWithoutFrame() bool {
	pcs := make([]uintptr, 1)
	if inlined(pcs) == 0 {
		lose("the runtime tells no callers")
	}
	f, _ := runtime.CallersFrames(pcs).Next()
	return strings.HasSuffix(f.Function, ".inlined") && f.Func == nil
}
