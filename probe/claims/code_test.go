package claims

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		arch, code, text string
		frame            int
	}{
		{"amd64", "55 4889e5 4883ec40 90", "push rbp; mov rbp, rsp; sub rsp, 64", 64},
		{"amd64", "493b6610 7624 55 4889e5 4881ec00010000 90", "cmp rsp, [r14+16]; jbe (grow the stack); push rbp; mov rbp, rsp; sub rsp, 256", 256},
		{"amd64", "4c8d642480 4d3b6610 0f8600010000 55 4889e5 4883c480 90", "lea r12, [rsp-n]; cmp r12, [r14+16]; jbe (grow the stack); push rbp; mov rbp, rsp; sub rsp, 128", 128},
		{"amd64", "4883ec18 90", "sub rsp, 24", 24},
		{"arm64", "fe0f1af8", "str x30, [sp, #-96]!", 96},
		{"arm64", "900b40f9 ff6330eb 69010054 fe0f1bf8", "ldr x16, [x28, #16]; cmp sp, x16; b.ls (grow the stack); str x30, [sp, #-80]!", 80},
		{"arm64", "f48304d1 9dfa3fa9 9f020091", "sub x20, sp, #288; stp x29, x30, [x20, #-8]; mov sp, x20", 288},
	} {
		code, err := hex.DecodeString(strings.ReplaceAll(test.code, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		p, err := decode(test.arch, code)
		if err != nil || p.text() != test.text || p.frame != test.frame {
			t.Errorf("%s: %q, %d, %v; want %q, %d", test.code, p.text(), p.frame, err, test.text, test.frame)
		}
	}
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		for _, code := range []string{"", "55", "0000000000000000", "4883ec"} {
			b, _ := hex.DecodeString(code)
			if p, err := decode(arch, b); err == nil {
				t.Errorf("%s %q: %q", arch, code, p.text())
			}
		}
	}
}

// TestReturnAddresses: the calls of a real thread are found on its stack.
func TestReturnAddresses(t *testing.T) {
	found, err := returnAddresses()
	if err != nil {
		t.Skip(err) // the kernel does not tell
	}
	if found.calls < 4 || found.found != found.calls || found.sp == 0 {
		t.Errorf("%+v", found)
	}
}
