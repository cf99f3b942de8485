package mmapheap

import "memprobe/layout/addr"

// Kind says where a block lies.
type Kind string

// The kinds of blocks.
const (
	HeapBlock   Kind = "heap"
	StackBlock  Kind = "stack"
	StaticBlock Kind = "static"
)

// objectKind is a Kind, or a frame, which has a number of its own before those of
// its locals.
type objectKind uint8

const (
	heapObject objectKind = iota
	localObject
	staticObject
	frameObject
)

var objectKinds = [...]Kind{HeapBlock, StackBlock, StaticBlock, StackBlock}

// phase is how far an object's life has come.
type phase uint8

const (
	alive phase = iota // the program may use it
	held               // freed, and in quarantine
	gone               // its memory may be another's by now
)

// object is what is known of a block for as long as the region: a block that is
// gone can still be told from the one that took its place.
type object struct {
	number    BlockNumber
	addr      addr.Addr // of the payload
	requested addr.Bytes
	*body                // nil once it is gone
	owner     uint32     // its name
	made      siteID     // where it was made
	ended     siteID     // where it was freed, or its frame popped
	kind      objectKind // what it is
	phase     phase
	resized   bool // it ended by a resize, which moved it
	poisoned  bool // where nothing has come there since, its memory has the pattern of ended blocks
}

// body is what is known of an object until its memory is given back.
type body struct {
	block    addr.Range             // all of it, whole cells of its own except for a local
	open     addr.Range             // the same without the guard page behind it
	written  written                // nil without Nets.Access, and once it ends
	pointers map[addr.Bytes]Pointer // those stored in it, by offset
}

// payload is the bytes that the program may use.
func (o *object) payload() addr.Range { return addr.Span(o.addr, o.requested) }

// end is the first address behind the payload.
func (o *object) end() addr.Addr { return o.addr.Offset(o.requested) }

// pointer is the one that the program gets.
func (o *object) pointer() Pointer { return Pointer{o.addr, o.number} }

// chunkOfObjects is how many objects are kept in one piece.
const chunkOfObjects = 1024

// objects are all there ever were, by number. An object never moves.
type objects struct {
	pieces [][]object
	made   BlockNumber // so many
	names  []string
	byName map[string]uint32
}

// add makes the next object.
func (t *objects) add(name string) *object {
	i := int(t.made / chunkOfObjects)
	if i == len(t.pieces) {
		t.pieces = append(t.pieces, make([]object, chunkOfObjects))
	}
	o := &t.pieces[i][t.made%chunkOfObjects]
	t.made++
	*o = object{number: t.made, owner: t.name(name)}
	return o
}

// name is the number that stands for a name.
func (t *objects) name(name string) uint32 {
	if i, known := t.byName[name]; known {
		return i
	}
	if t.byName == nil {
		t.byName = map[string]uint32{}
	}
	i := uint32(len(t.names))
	t.names = append(t.names, name)
	t.byName[name] = i
	return i
}

// get is the object with that number, nil if there never was one.
func (t *objects) get(n BlockNumber) *object {
	if n == 0 || n > t.made {
		return nil
	}
	return &t.pieces[(n-1)/chunkOfObjects][(n-1)%chunkOfObjects]
}

// locals are the objects of the frame f, oldest, and lowest, first.
func (t *objects) locals(f *object) []*object {
	var locals []*object
	for n := f.number + 1; ; n++ {
		o := t.get(n)
		if o == nil || o.kind != localObject {
			return locals
		}
		locals = append(locals, o)
	}
}

// at is the object that lies at a, or else lay there last; nil if none ever did.
// Of a frame it is the local that a lies in or right behind.
func (c *Checked) at(a addr.Addr) *object {
	o := c.objects.get(c.shadow.at(a))
	if o == nil || o.kind != frameObject {
		return o
	}
	found := o
	for n := o.number + 1; ; n++ {
		local := c.objects.get(n)
		if local == nil || local.kind != localObject || found != o && local.addr > a {
			return found
		}
		found = local
	}
}
