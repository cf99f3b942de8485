package probe

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Number is a number of a scenario's program. It is the lesson's, or one of From,
// From+Step, ... To where a run has a seed, so that a class gets programs that differ.
// In the scenario's Source and in captions, $Name stands for it.
type Number struct {
	Name     string
	Lesson   int
	From, To int
	Step     int // 0 stands for 1
}

// draw settles the numbers of a run. With the same seed they are always the same.
func (m *Machine) draw(numbers []Number) {
	var seed uint64
	if m.opts.Seed != nil {
		seed = *m.opts.Seed
	}
	random := rand.New(rand.NewPCG(seed, uint64(len(numbers))))
	m.numbers = map[string]int{}
	for _, n := range numbers {
		m.numbers[n.Name] = n.Lesson
		if m.opts.Seed != nil {
			step := max(n.Step, 1)
			m.numbers[n.Name] = n.From + step*random.IntN((n.To-n.From)/step+1)
		}
	}
	m.shuffles = rand.New(rand.NewPCG(seed, m.nameSum()))
}

// nameSum tells one scenario from another: with one seed for all of them, the answers
// to their first questions must not stand in the same place.
func (m *Machine) nameSum() uint64 {
	h := fnv.New64a()
	h.Write([]byte(m.trace.Scenario)) // never fails
	return h.Sum64()
}

// Number is the number of that name in this run.
func (m *Machine) Number(name string) int {
	n, ok := m.numbers[name]
	if !ok {
		panic(fmt.Sprintf("probe: the scenario has no number %q", name))
	}
	return n
}

// withNumbers puts numbers in place of their names in s.
func (m *Machine) withNumbers(s string) string {
	var pairs []string
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(m.numbers))) { // name before n, which it begins with
		pairs = append(pairs, "$"+name, strconv.Itoa(m.numbers[name]))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
