package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// What can stand in the way of reading a process, told apart by errors.Is. ErrTorn
// belongs to them: then the mappings are there, but may never have been so at once.
var (
	ErrNoProc     = errors.New("there is no /proc here; mount it")
	ErrNoProcess  = errors.New("no such process")
	ErrPermission = errors.New("the kernel does not let this user look into the process; its owner may be let")
	ErrZombie     = errors.New("the process has ended (a zombie): its memory is gone")
	ErrKernel     = errors.New("a kernel thread: it has no memory of its own")
	ErrNoMappings = errors.New("no mappings: the process has no memory of its own now")
	ErrCutShort   = errors.New("the process ended or ran another program while its mappings were read")
)

// ProcessError is what went wrong with a process.
type ProcessError struct {
	PID int
	Err error
}

func (e *ProcessError) Error() string { return fmt.Sprintf("process %d: %v", e.PID, e.Err) }
func (e *ProcessError) Unwrap() error { return e.Err }

const (
	readAttempts = 5       // how often a list that changed while it was read is read again
	steadyBelow  = 1 << 20 // bytes of a list that is read twice

	restlessAgain = 3  // how often the list of a busy process must come out the same
	mostAsked     = 64 // threads that are looked at, whether one runs
)

// Read gives the mappings of process pid by address; 0 is this process. The kernel
// gives a list in pieces, between which the process may change it. So a list of
// another process is read twice, unless its text has a MiB or more; then overlaps and
// steps back alone give a change away. A list that changed is read again, and must then
// come out the same four times in a row, as must that of a process that runs just now.
// If that does not help the mappings come with ErrTorn, without those that contradict
// others.
//
// That readings are the same is good evidence, no proof: a process that does and undoes
// the same all the time can be caught at the same wrong moments. Only a process that
// stands still is surely read as it is.
func Read(pid int) ([]Mapping, error) {
	list, err := living(pid, func(p process) (list, error) { return p.list(false) })
	return list.maps, err
}

// ReadSmaps gives the mappings of process pid and the figures of each, in the same
// order. Errors and torn lists are as with Read, where the second reading is one of
// the mappings alone: the figures move all the time, and each is of its own moment.
func ReadSmaps(pid int) ([]Mapping, []Figures, error) {
	list, err := living(pid, func(p process) (list, error) { return p.list(true) })
	return list.maps, list.figures, err
}

// ReadText gives the text of process pid's maps file, byte for byte and whole. The
// errors are those of Read; a torn list comes with ErrTorn.
func ReadText(pid int) ([]byte, error) {
	l, err := living(pid, func(p process) (list, error) { return p.readAgain(process.readChecked) })
	return l.text, err
}

// failed is what went wrong with process pid.
func failed(pid int, err error) error {
	if err == nil {
		return nil
	}
	return &ProcessError{process{pid}.number(), err}
}

// list is what was read of a process at one go.
type list struct {
	who     identity
	text    []byte // of the maps file, where it was read and may be looked at again
	maps    []Mapping
	figures []Figures
}

// list reads p's mappings, with the figures or without.
func (p process) list(figures bool) (list, error) {
	if figures {
		return p.readAgain(process.readSmaps)
	}
	return p.readAgain(process.readMaps)
}

// readAgain calls read until its answer is whole and consistent, of one program of
// one process, and the same a moment later.
func (p process) readAgain(read func(process) (list, error)) (l list, err error) {
	if p.pid < 0 {
		return list{}, ErrNoProcess
	}
	again := 1 // a list that nobody changes is the rule
	if p.pid != 0 && p.busy() {
		again = restlessAgain
	}
	for range readAttempts {
		who := p.identity()
		l, err = read(p)
		l.who = who
		if err == nil && len(l.maps) == 0 && len(l.text) == 0 {
			err = p.whyEmpty()
		} else if err == nil {
			err = p.confirm(l, again)
		}
		if err == nil && p.identity() != who {
			err = ErrCutShort
		}
		if errors.Is(err, ErrCutShort) {
			l = list{}
		}
		if !errors.Is(err, ErrTorn) && !errors.Is(err, ErrCutShort) && !errors.Is(err, ErrNoMappings) {
			break
		}
		again = restlessAgain
	}
	err = reason(err)
	if _, statErr := os.Stat("/proc/self"); err == ErrNoProcess && statErr != nil {
		err = ErrNoProc
	}
	if err == ErrNoProcess { // some kernels say so of a process that has no memory
		if why := p.whyEmpty(); why == ErrZombie || why == ErrKernel {
			err = why
		}
	}
	return l, err
}

// busy reports whether one of p's threads runs now.
func (p process) busy() bool {
	threads, _ := os.ReadDir(p.file("task"))
	for _, t := range threads[:min(len(threads), mostAsked)] {
		stat, _ := readProc(p.file("task/" + t.Name() + "/stat"))
		if fields := statFields(string(stat)); len(fields) > 0 && fields[0] == "R" {
			return true
		}
	}
	return false
}

// unsteady is a torn list whose lines show nothing of it.
type unsteady struct{}

func (unsteady) Error() string        { return "the list was another one each time it was read" }
func (unsteady) Is(target error) bool { return target == ErrTorn }

// confirm reads the list again that l was made of, so many times, unless it is long,
// or this process's own.
func (p process) confirm(l list, times int) error {
	if p.pid == 0 {
		return nil
	}
	first := l.text
	if l.figures != nil {
		first = textBelow(l.maps, steadyBelow)
	}
	if first == nil || len(first) >= steadyBelow {
		return nil
	}
	for range times {
		switch second, err := p.readText(); {
		case err != nil || len(second) == 0: // the next reading tells why
			return ErrCutShort
		case !bytes.Equal(first, second):
			return unsteady{}
		}
	}
	return nil
}

// textBelow is the text that the kernel has for maps, or nil if that has so many bytes
// or more.
func textBelow(maps []Mapping, most int) (text []byte) {
	const shortest = 40 // bytes of a line
	if len(maps) > most/shortest {
		return nil
	}
	for _, m := range maps {
		if text = append(m.Append(text), '\n'); len(text) >= most {
			return nil
		}
	}
	return text
}

// reason is the error of this package that err comes down to, else err.
func reason(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return ErrNoProcess
	case errors.Is(err, fs.ErrPermission):
		return ErrPermission
	}
	return err
}

// readMaps reads p's mappings once. No mappings and no error is an empty list.
func (p process) readMaps() (list, error) {
	var r keepingReader
	if err := p.readLines("maps", &r); err != nil {
		return list{}, err
	}
	p.exactNames(r.maps)
	return list{maps: r.maps, text: r.text}, r.torn
}

// keepingReader keeps the text as well, unless it is too long to be compared.
type keepingReader struct {
	mapsReader
	text []byte
	long bool
}

func (r *keepingReader) read(line []byte) error {
	switch size := len(r.text) + len(line) + 1; {
	case r.long:
	case size >= steadyBelow:
		r.long, r.text = true, nil
	default:
		if size > cap(r.text) && size > pieceSize/4 {
			r.text = slices.Grow(r.text, steadyBelow-len(r.text))
		}
		r.text = append(append(r.text, line...), '\n')
	}
	return r.mapsReader.read(line)
}

// exactNames gives maps their names with their newlines. A maps line has \012 for
// them, and so for a name that really holds these four characters.
func (p process) exactNames(maps []Mapping) {
	var asked *os.File
	for i, m := range maps {
		if !m.hasFile() || !strings.Contains(m.Name, `\012`) {
			continue
		}
		if asked == nil {
			f, err := openProc(p.file("maps"))
			if err != nil {
				return
			}
			defer f.Close()
			asked = f
		}
		maps[i].Name = p.exactName(m, asked)
	}
}

// exactName asks the kernel for m's name, in one way or, where it does not know that
// or the name is too long for it, in another that needs a privilege.
func (p process) exactName(m Mapping, maps *os.File) string {
	var buf [longestQueryName]byte
	name := ""
	if told, err := queryMapping(maps, m.Lo, &buf); err == nil {
		name = told.Name
	} else if name, err = os.Readlink(p.mapFile(m)); err != nil {
		return m.Name
	}
	if strings.ReplaceAll(name, "\n", `\012`) != m.Name {
		return m.Name
	}
	return name
}

// readChecked reads the text of p's mappings once. It is torn where its lines say so.
func (p process) readChecked() (list, error) {
	text, err := p.readText()
	if err == nil {
		err = checkText(text)
	}
	return list{text: text}, err
}

// readText reads p's maps file once.
func (p process) readText() ([]byte, error) {
	f, err := openProc(p.file("maps"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readWhole(f, p.pid != 0)
}

// readWhole reads f to its end. Where the process goes away in the middle, the end
// comes early and without an error; the start can't be read again then. That of
// the reader itself does not go away.
func readWhole(f io.ReadSeeker, mayGo bool) ([]byte, error) {
	text, err := readAll(f)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	if !mayGo {
		return text, nil
	}
	if err := wholeYet(f); err != nil {
		return nil, err
	}
	return text, nil
}
