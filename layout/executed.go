package layout

import "strings"

// Executed reports whether a process, looked at before and after, has run a program
// since (execve), which makes all of its memory anew: another file is its program, or
// its first thread's stack lies elsewhere, as it does after each start unless the
// kernel was told not to choose addresses at random.
func Executed(before, after *Space) bool {
	was, knownBefore := before.program()
	is, knownAfter := after.program()
	switch exe := func(s *Space) string { return strings.TrimSuffix(s.Exe, " (deleted)") }; {
	case knownBefore && knownAfter && was != is:
		return true
	case !(knownBefore && knownAfter) && before.Exe != "" && after.Exe != "" && exe(before) != exe(after):
		return true
	}
	old, ok := before.named("[stack]")
	now, okNow := after.named("[stack]")
	return ok && okNow && !old.Overlaps(now.Range)
}

// program is the file of s's program, which may have got another path meanwhile.
func (s *Space) program() (id fileID, known bool) {
	m, known := s.named(s.Exe)
	return fileID{m.Dev, m.Inode, ""}, known && m.hasFile()
}

// named is the lowest mapping with that name.
func (s *Space) named(name string) (m Mapping, ok bool) {
	for _, m := range s.Mappings {
		if m.Name == name {
			return m, true
		}
	}
	return Mapping{}, false
}
