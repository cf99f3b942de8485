// Package probe runs the lessons' programs on real memory and keeps what they
// left there.
//
//	Scenario --Run--> Machine --Step--> Trace --> report draws it
//	                     |
//	                  mmapheap: frames on its stack, blocks on its heap
//
// A [Scenario] is a small Rust program, written against a [Machine]: call and
// return, locals, strings, vectors and boxes, copies, moves and drops. The
// machine keeps no values. It writes them into the region as bytes, laid out as
// package rust says, and reads them back whenever the program needs one. So a
// byte that somebody changes from outside is what the program computes with.
//
// A [Trace] is what a run leaves: for each step what was read from the region at
// that moment. It is plain data, the one model of every picture.
package probe
