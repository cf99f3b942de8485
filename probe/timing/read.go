package timing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// Read reads a result that was written as JSON, and no more than that. It fails
// where the text is not one of this Schema, has fields that a result does not have,
// or numbers that no measurement can have found: what it returns may be compared and
// drawn.
func Read(from io.Reader) (*Result, error) {
	dec := json.NewDecoder(from)
	var text json.RawMessage
	if err := dec.Decode(&text); err != nil {
		return nil, fmt.Errorf("read timings: %w", plainer(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read timings: there is more behind the result; give the file as `memprobe bench` wrote it")
	}
	var head struct {
		Schema  *int            `json:"schema"`
		Studies json.RawMessage `json:"studies"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("read timings: %w", plainer(err))
	}
	if head.Schema == nil || *head.Schema == Schema && head.Studies == nil {
		return nil, errors.New("read timings: not a result of `memprobe bench`, which has a schema and studies")
	}
	if *head.Schema != Schema {
		return nil, fmt.Errorf("read timings: the result has schema %d, and this memprobe reads %d; measure again", *head.Schema, Schema)
	}
	r := new(Result)
	if err := strictly(text, r); err != nil {
		return nil, fmt.Errorf("read timings: %w", plainer(err))
	}
	if err := r.sound(); err != nil {
		return nil, fmt.Errorf("read timings: %w", err)
	}
	return r, nil
}

// strictly allows no unknown field.
func strictly(text []byte, r *Result) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(r)
}

// plainer says in words what encoding/json does not.
func plainer(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the file ends in the middle")
	case errors.As(err, new(*json.SyntaxError)):
		return fmt.Errorf("the file is not JSON: %w; give one that `memprobe bench --save` wrote", err)
	}
	return err
}

// sound reports the first thing that can't be in a result.
func (r *Result) sound() error {
	if len(r.Studies) == 0 {
		return errors.New("the result has no study")
	}
	names := make(map[string]bool)
	for i := range r.Studies {
		s := &r.Studies[i]
		if s.Name == "" || names[s.Name] {
			return fmt.Errorf("study %d: the name %q is empty, or not the only one", i+1, s.Name)
		}
		names[s.Name] = true
		if err := s.sound(); err != nil {
			return fmt.Errorf("study %s: %w", s.Name, err)
		}
	}
	return nil
}

func (s *StudyResult) sound() error {
	type place struct {
		what string
		at   int
	}
	seen := make(map[place]bool)
	for i := range s.Timings {
		t := &s.Timings[i]
		here := place{t.What, t.At}
		if t.What == "" || seen[here] {
			return fmt.Errorf("timing %d: %q at %d is there twice, or has no name", i+1, t.What, t.At)
		}
		seen[here] = true
		if err := t.sound(); err != nil {
			return fmt.Errorf("%q at %d: %w", t.What, t.At, err)
		}
	}
	return nil
}

func (t *Timing) sound() error {
	if len(t.Rounds) == 0 {
		return errors.New("no rounds")
	}
	for _, x := range t.Rounds {
		if !(x >= 0 && x <= math.MaxFloat64/1e6) {
			return fmt.Errorf("a round of %v ns", x)
		}
	}
	if t.At <= 0 || t.Iterations <= 0 {
		return errors.New("the point, or the number of operations, is not above 0")
	}
	if median, ci := medianCI(t.Rounds); median != t.Median || ci != t.CI95 {
		return fmt.Errorf("the median %v and the interval are not those of the rounds, which have %v", t.Median, median)
	}
	if r := t.Ratio; r != nil && !(r.Median >= 0 && r.P >= 0 && r.P <= 1) {
		return fmt.Errorf("a ratio of %v with p %v", r.Median, r.P)
	}
	return nil
}
