package claims

import (
	"fmt"
)

// Lesson is the title of one of the two lessons.
type Lesson string

// The lessons.
const (
	StackVsHeap Lesson = "Stack vs Heap"
	Ownership2  Lesson = "Rust Ownership 2: Understanding Stack and Heap Memory"
)

// Claim is something that a lesson says and that can be held against a machine.
type Claim struct {
	ID     string // what the command line calls it
	Lesson Lesson
	Where  string   // the lesson's heading, or its picture
	Words  string   // of the lesson, as they stand there; of a picture its labels, in order
	Test   string   // how it is tested, in a sentence
	ByHand []string // command lines that repeat it

	Gather func(*Lab) Evidence
	Judge  func(*Reading) Judgement
}

// Verdict is what may be said of a claim.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	InPart      Verdict = "holds in part"
	DoesNotHold Verdict = "does not hold here"
	Untold      Verdict = "can't be told here"
)

// Verdicts are all verdicts, in the order in which they are summed up.
var Verdicts = []Verdict{Holds, InPart, DoesNotHold, Untold}

// Judgement is a verdict and, in a line, why.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why"`
}

func holds(why string, args ...any) Judgement  { return Judgement{Holds, fmt.Sprintf(why, args...)} }
func inPart(why string, args ...any) Judgement { return Judgement{InPart, fmt.Sprintf(why, args...)} }
func doesNot(why string, args ...any) Judgement {
	return Judgement{DoesNotHold, fmt.Sprintf(why, args...)}
}
func cannotTell(why string, args ...any) Judgement {
	return Judgement{Untold, fmt.Sprintf(why, args...)}
}

// Judged is what Judge makes of evidence. Where it asks for what is not there, or is of
// another kind than it should be, the claim can't be told.
func (c *Claim) Judged(e Evidence) Judgement {
	r := &Reading{evidence: e}
	j := c.Judge(r)
	if r.missing != "" {
		return Judgement{Untold, r.missing}
	}
	return j
}

// Finding is a claim with its evidence and its verdict.
type Finding struct {
	ID     string   `json:"id"`
	Lesson Lesson   `json:"lesson"`
	Where  string   `json:"where"`
	Words  string   `json:"words"`
	Test   string   `json:"test"`
	ByHand []string `json:"by_hand"`
	Judgement
	Evidence Evidence `json:"evidence"`
}

// Find gathers the evidence for c and judges it.
func (c *Claim) Find(l *Lab) Finding {
	f := Finding{ID: c.ID, Lesson: c.Lesson, Where: c.Where, Words: c.Words, Test: c.Test, ByHand: c.ByHand, Evidence: Evidence{}}
	evidence, err := l.gather(c)
	if err != nil {
		f.Judgement = Judgement{Untold, err.Error()}
		return f
	}
	f.Evidence, f.Judgement = evidence, c.Judged(evidence)
	return f
}

// Named is the claim of that ID.
func Named(id string) (*Claim, bool) {
	for _, c := range All {
		if c.ID == id {
			return c, true
		}
	}
	return nil, false
}
