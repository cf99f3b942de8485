package main

import "strings"

// suggestion is the end of an error about an unknown name: the nearest ones, or
// where to find the list.
func suggestion(name string, names []string) string {
	var near []string
	for _, n := range names {
		if name != "" && isNear(strings.ToLower(name), n) {
			near = append(near, n)
		}
	}
	if len(near) == 0 {
		return "; there are " + strings.Join(names, ", ")
	}
	return `; did you mean "` + strings.Join(near, `" or "`) + `"?`
}

// isNear is true where typed may have been meant as name: its beginning, or all of it
// with one slip for every four letters, one at least.
func isNear(typed, name string) bool {
	return strings.HasPrefix(name, typed) || slips(typed, name) <= max(1, len(typed)/4)
}

// slips is how many letters are too many, missing, wrong or in the other one's place.
func slips(a, b string) int {
	// Of each row of the table of all beginnings, the last three are needed.
	var above2 []int
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			wrong := 1
			if a[i] == b[j] {
				wrong = 0
			}
			row[j+1] = min(above[j]+wrong, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], above2[j-1]+1)
			}
		}
		above2, above, row = above, row, make([]int, len(b)+1)
	}
	return above[len(b)]
}
