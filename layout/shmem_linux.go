package layout

import "golang.org/x/sys/unix"

const (
	smallestHuge = 16 // 64 KiB, as a power of two: huge pages on the machines that memprobe runs on
	largestHuge  = 34 // 16 GiB
)

// shmemDevices are the kernel's devices for memory that has no file but is mapped as if
// it had: shared memory, that of huge pages of each size, and secret memory. What it
// has them for it tells of a file that is made there.
func shmemDevices() (list []Dev) {
	learn := func(fd int, err error) {
		if err != nil {
			return
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			list = append(list, Dev{unix.Major(st.Dev), unix.Minor(st.Dev)})
		}
	}
	learn(unix.MemfdCreate("", unix.MFD_CLOEXEC))
	learn(unix.MemfdSecret(unix.O_CLOEXEC))
	for size := smallestHuge; size <= largestHuge; size++ { // the kernel refuses those that it has not
		learn(unix.MemfdCreate("", unix.MFD_CLOEXEC|unix.MFD_HUGETLB|size<<unix.MFD_HUGE_SHIFT))
	}
	return list
}

// zeroDevice is what p has at /dev/zero, if it is the device that gives zeros.
func (p process) zeroDevice() fileID {
	var st unix.Stat_t
	if unix.Stat(p.file("root")+"/dev/zero", &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 5) {
		return fileID{}
	}
	return fileID{Dev{unix.Major(st.Dev), unix.Minor(st.Dev)}, st.Ino, "/dev/zero"}
}
