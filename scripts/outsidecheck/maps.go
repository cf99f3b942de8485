package main

import (
	"fmt"
	"os"
	"strings"
)

// mapping is a line of /proc/PID/maps.
type mapping struct {
	span
	perms string // rw-p
	line  string // as the kernel wrote it
}

func readMaps(pid int) ([]mapping, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	return parseMaps(string(text))
}

func parseMaps(text string) (maps []mapping, err error) {
	for line := range strings.Lines(text) {
		m := mapping{line: strings.TrimSuffix(line, "\n")}
		if _, err := fmt.Sscanf(line, "%x-%x %s", &m.Start, &m.End, &m.perms); err != nil {
			return nil, fmt.Errorf("maps line %q: %w", line, err)
		}
		maps = append(maps, m)
	}
	return maps, nil
}

// accessible tells whether s lies in mappings that may be read and written, one
// behind the other.
func accessible(maps []mapping, s span) bool {
	at := s.Start
	for _, m := range maps {
		if m.Start <= at && at < m.End && strings.HasPrefix(m.perms, "rw") {
			at = m.End
		}
	}
	return s.End <= at
}
