package mmapheap

import (
	"fmt"
	"path/filepath"
	"runtime"
)

// Site is a place in the program's source; zero if it is not known.
type Site struct {
	Func string // with its package, as in main.run
	File string
	Line int
}

// String is s as in "main.run, bug.go:12".
func (s Site) String() string {
	if s == (Site{}) {
		return "unknown"
	}
	return fmt.Sprintf("%s, %s:%d", s.Func, filepath.Base(s.File), s.Line)
}

// siteID stands for a place from which this package was called; 0 for none.
type siteID uint32

// sites are the places from which this package was called, each kept once.
type sites struct {
	source func() Site // nil: the Go call stack
	byPC   map[uintptr]siteID
	bySite map[Site]siteID
	known  []callSite
}

// callSite is a program counter, whose name is looked up when a report needs it; or
// a site, where that is 0.
type callSite struct {
	pc   uintptr
	site Site
}

// SetSite makes f say where the program is, in place of the Go call stack: for a
// machine that runs a program in another language. nil is the Go call stack again.
func (c *Checked) SetSite(f func() Site) { c.sites.source = f }

// here stands for where the program is: by the Go call stack, where the method was
// called that calls this, so that a method that is called from outside must call it
// itself.
func (s *sites) here() siteID {
	if s.source != nil {
		return idOf(s, &s.bySite, s.source(), func(site Site) callSite { return callSite{site: site} })
	}
	var pc [1]uintptr
	runtime.Callers(3, pc[:])
	return idOf(s, &s.byPC, pc[0], func(pc uintptr) callSite { return callSite{pc: pc} })
}

// idOf is the id of a key, a new one where it has none.
func idOf[K comparable](s *sites, ids *map[K]siteID, key K, toPlace func(K) callSite) siteID {
	if id, known := (*ids)[key]; known {
		return id
	}
	if *ids == nil {
		*ids = map[K]siteID{}
	}
	s.known = append(s.known, toPlace(key))
	id := siteID(len(s.known))
	(*ids)[key] = id
	return id
}

func (s *sites) site(id siteID) Site {
	if id == 0 {
		return Site{}
	}
	p := s.known[id-1]
	if p.pc == 0 {
		return p.site
	}
	frame, _ := runtime.CallersFrames([]uintptr{p.pc}).Next()
	return Site{Func: frame.Function, File: frame.File, Line: frame.Line}
}
