//go:build !race

package timing

// raced is whether the race detector is at work, which slows down some operations more
// than others.
const raced = false
