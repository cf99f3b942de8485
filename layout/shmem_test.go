package layout

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// What is mapped as if it had a file, but has none, is not called a mapped file. What
// this machine refuses to map is left out.
func TestMemoryWithoutAFile(t *testing.T) {
	if qemu() {
		t.Skip("an emulator makes up the maps file")
	}
	const rw, huge, shared = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_HUGETLB | unix.MAP_NORESERVE, unix.MAP_SHARED | unix.MAP_NORESERVE
	want := map[addr.Addr]expected{}
	names := map[addr.Addr]string{}
	mapped := func(name string, kind Kind, fd, size, flags int) {
		t.Helper()
		mem, err := unix.Mmap(fd, 0, size, rw, flags)
		if err != nil {
			t.Logf("%s: %v", name, err)
			return
		}
		t.Cleanup(func() { unix.Munmap(mem) })
		want[pointer(mem)], names[pointer(mem)] = expected{kind, nil, false}, name
	}
	opened := func(name string, kind Kind, fd int, err error, size, flags int) {
		t.Helper()
		if err == nil {
			err = unix.Ftruncate(fd, int64(size))
		}
		if err != nil {
			t.Logf("%s: %v", name, err)
			return
		}
		defer unix.Close(fd)
		mapped(name, kind, fd, size, flags)
	}
	const hugetlb, noReserve = 0o4000, 0o10000 // SHM_HUGETLB, SHM_NORESERVE
	page := os.Getpagesize()
	mapped("private huge pages", KindAnonymous, -1, 2<<20, unix.MAP_PRIVATE|unix.MAP_ANON|huge)
	mapped("shared huge pages", KindShared, -1, 2<<20, shared|unix.MAP_ANON|huge)
	fd, err := unix.MemfdCreate("mem", unix.MFD_HUGETLB)
	opened("memfd of huge pages", KindMemfd, fd, err, 2<<20, shared)
	fd, err = unix.MemfdCreate("mem", unix.MFD_HUGETLB|30<<unix.MFD_HUGE_SHIFT)
	opened("memfd of pages of 1 GiB", KindMemfd, fd, err, 1<<30, shared)
	fd, err = unix.MemfdSecret(0)
	opened("secret memory", KindMemfd, fd, err, page, unix.MAP_SHARED)
	if zero, err := os.OpenFile("/dev/zero", os.O_RDWR, 0); err == nil {
		defer zero.Close()
		mapped("private zeros", KindAnonymous, int(zero.Fd()), page, unix.MAP_PRIVATE)
		mapped("shared zeros", KindShared, int(zero.Fd()), page, unix.MAP_SHARED)
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY}
	if fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, 0); err == nil {
		defer unix.Close(fd)
		mapped("the kernel's own", KindKernel, fd, 2*page, unix.MAP_SHARED)
	}
	if id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 2<<20, unix.IPC_CREAT|0o600|hugetlb|noReserve); err == nil {
		mem, err := unix.SysvShmAttach(id, 0, 0)
		unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		if err == nil {
			defer unix.SysvShmDetach(mem)
			want[pointer(mem)], names[pointer(mem)] = expected{KindSysV, nil, false}, "System V's huge pages"
		}
	}
	s, err := Describe(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkTiled(t, s.Mappings, s.Parts)
	for at, kind := range want {
		check(t, s, names[at]+", "+s.Where(at).Place.Mapping.Name, at, kind)
	}
	if len(want) < 3 {
		t.Errorf("only %d sorts of memory can be had here", len(want))
	}
}
