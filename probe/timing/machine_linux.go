package timing

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Here is the machine that this runs on.
func Here() Machine {
	m := Machine{Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil { // which only a bad address makes fail
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}
