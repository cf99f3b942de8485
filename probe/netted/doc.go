// Package netted runs small programs behind the nets of [mmapheap.Checked].
//
// A statement of such a program is a call, and the line of its source that it
// stands on is told before it. What a net or the heap refuses ends the program, as
// it would end a real one; the report names line and function of that source.
package netted
