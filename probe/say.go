package probe

import (
	"os"
	"slices"

	"memprobe/layout"
	"memprobe/layout/addr"
)

// What a scenario says of its next step, besides the step's own title and text.

// Ask puts a question that the next step answers. It is asked after what the step
// shows has been done, so the answer is what came of it; choices that are the same as
// the answer are left out.
func (m *Machine) Ask(question, why, answer string, others ...string) {
	choices := []string{m.withNumbers(answer)}
	for _, c := range others {
		if c = m.withNumbers(c); !slices.Contains(choices, c) {
			choices = append(choices, c)
		}
	}
	m.shuffles.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
	m.next.Question = &Question{
		Text: m.withNumbers(question), Why: m.withNumbers(why),
		Choices: choices, Answer: slices.Index(choices, m.withNumbers(answer)),
	}
}

// Fact adds a figure to the next step; from says who it is from.
func (m *Machine) Fact(what, value, from string) {
	m.next.Facts = append(m.next.Facts, Fact{What: m.withNumbers(what), Value: value, From: from})
}

// Measured is Fact for a figure that differs from run to run, such as a time.
func (m *Machine) Measured(what, value, from string) {
	m.next.Facts = append(m.next.Facts, Fact{What: m.withNumbers(what), Value: value, From: from, Varies: true})
}

// landmarkBytes is how much of a landmark is shown.
const landmarkBytes addr.Bytes = 16

// Landmark adds an object of n bytes at a to the next step, where it stands for a
// part of the textbook's picture. Landmarks are given from high addresses to low ones.
func (m *Machine) Landmark(segment layout.Segment, what string, a addr.Addr, n addr.Bytes) {
	shown := min(n, landmarkBytes)
	if segment == layout.SegmentFree {
		shown = 0 // nothing is there to be read
	}
	mark := Landmark{Segment: segment, What: m.withNumbers(what), Addr: a, Size: n, Bytes: make(Hex, shown)}
	m.must(readOwn(a, mark.Bytes), "read %s at %v", what, a)
	mappings, err := layout.Read(0)
	m.must(err, "read its mappings")
	for _, mapping := range mappings {
		if mapping.Contains(a) {
			mark.Mapping = mapping.String()
		}
	}
	m.next.Landmarks = append(m.next.Landmarks, mark)
}

// readAgain are the landmarks with the bytes that are there now.
func (m *Machine) readAgain(marks []Landmark) []Landmark {
	now := slices.Clone(marks)
	for i, mark := range now {
		now[i].Bytes = make(Hex, len(mark.Bytes))
		m.must(readOwn(mark.Addr, now[i].Bytes), "read %s at %v", mark.What, mark.Addr)
	}
	return now
}

// readOwn reads memory of this process that is not the scenario's.
func readOwn(a addr.Addr, b []byte) error {
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer mem.Close()
	_, err = mem.ReadAt(b, int64(a))
	return err
}
