package main

import (
	"fmt"
	"slices"
	"strings"
)

// types are the types of the trace's variables, each by one of that type.
func (p *program) types() []variable {
	var all []variable
	add := func(frames []frame) {
		for _, f := range frames {
			for _, v := range f.Vars {
				if !slices.ContainsFunc(all, func(w variable) bool { return w.Type == v.Type }) {
					all = append(all, v)
				}
			}
		}
	}
	for _, s := range p.trace.Steps {
		add(s.Frames)
		add(s.Popped)
	}
	return all
}

// open tells whether rustc says where a field is: those of a handle are private, and
// those of an array are where its elements are.
func open(f field) bool {
	last := f.Name[strings.LastIndexByte(f.Name, '.')+1:]
	return !strings.ContainsAny(f.Name, "[") && last != "cap" && last != "ptr" && last != "len"
}

// askLayouts is Rust that tells of each type of the trace its size, its alignment and
// where its fields are.
func (p *program) askLayouts() string {
	var rust strings.Builder
	for _, v := range p.types() {
		fmt.Fprintf(&rust, "        crate::check::layout::<%s>(%[1]q);\n", v.Type)
		for _, f := range v.Fields {
			if open(f) {
				fmt.Fprintf(&rust, "        crate::check::offset(%q, %q, std::mem::offset_of!(%[1]s, %[2]s));\n", v.Type, f.Name)
			}
		}
	}
	return rust.String()
}

func (p *program) typesSummary() string {
	var names []string
	for _, v := range p.types() {
		names = append(names, fmt.Sprintf("%s %d/%d", v.Type, v.Size, v.Align))
	}
	if len(names) == 0 {
		return "it has no variables"
	}
	return "size/align of " + strings.Join(names, ", ")
}

// layouts compares what rustc says of the types with the trace: with every variable,
// not with one of each type.
func (p *program) layouts(all []told) (differences []string) {
	differ := func(format string, args ...any) {
		if d := fmt.Sprintf(format, args...); !slices.Contains(differences, d) {
			differences = append(differences, d)
		}
	}
	type layout struct {
		size, align uint64
		offsets     map[string]uint64
	}
	layouts := map[string]*layout{}
	for _, t := range all {
		var typ, fieldName string
		var a, b uint64
		switch t.kind {
		case "layout":
			if err := t.of(&typ, &a, &b); err != nil {
				return []string{err.Error()}
			}
			layouts[typ] = &layout{a, b, map[string]uint64{}}
		case "offset":
			if err := t.of(&typ, &fieldName, &a); err != nil {
				return []string{err.Error()}
			}
			layouts[typ].offsets[fieldName] = a
		}
	}
	for _, s := range p.trace.Steps {
		for _, f := range slices.Concat(s.Frames, s.Popped) {
			for _, v := range f.Vars {
				l := layouts[v.Type]
				if l == nil {
					differ("rustc told nothing of %s", v.Type)
					continue
				}
				if v.Size != l.size || v.Align != l.align {
					differ("%s is %d bytes aligned to %d, in Rust %d aligned to %d", v.Type, v.Size, v.Align, l.size, l.align)
				}
				for _, x := range v.Fields {
					if want, is := l.offsets[x.Name], uint64(x.Addr-v.Addr); open(x) && is != want {
						differ("%s.%s is at +%d, in Rust at +%d", v.Type, x.Name, is, want)
					}
				}
			}
		}
	}
	return differences
}
