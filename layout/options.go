package layout

// Options says what Describe looks at.
type Options struct {
	Owned []Owned // what the caller mapped there itself

	// Resident asks for the figures of each mapping. The kernel walks all pages for them,
	// and the process waits meanwhile where it wants to change its mappings.
	Resident bool
}
