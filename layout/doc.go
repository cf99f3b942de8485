// Package layout describes address spaces: what lies at which address of a
// process, beside the picture that textbooks draw, from high to low address:
//
//	high  ┌──────────────┐
//	      │    Stack     │  frames of the calls that have not returned; grows down
//	      │      ↓       │
//	      │  free space  │
//	      │      ↑       │
//	      │     Heap     │  values that outlive the call that made them; grows up
//	      ├──────────────┤
//	      │ Static data  │  data: variables with a value; bss: variables zero at start
//	      ├──────────────┤
//	      │ Code (text)  │  machine code, and rodata: the constants it reads
//	low   └──────────────┘
//
// A mapping is one line of /proc/PID/maps: a span of addresses that the kernel
// treats alike. A section is the linker's unit, such as .text. A segment is the
// textbook's part of memory. A part is a piece of one mapping with one role. A
// mapping may hold many sections and so several parts; parts tile their mapping.
//
// [Describe] reads a process and gives its [Space]; [Space.Where] then says what
// an address is, and [Space.Symbols] what the linker called it. The steps can be had
// alone: [ParseMaps] and [Read] for the mappings, [Classify] for the parts.
//
// A role is known, never guessed. Sections come from the ELF file that is mapped,
// [stack] and its like from the kernel, the areas of a Go process from Go's own
// variables, and what the caller mapped from the caller, as [Owned]. What nobody
// can vouch for is called anonymous, or a file mapping.
package layout
