package timing

import "memprobe/layout/addr"

// callOf has a contender for each size that there is a function for.
var callOf = map[addr.Bytes]Contender{
	8: call(calls8), 16: call(calls16), 64: call(calls64), 256: call(calls256), 1 << 10: call(calls1024), 4 << 10: call(calls4096),
}

// call has loop call a function over and over. Go's stacks grow when they must, and
// its collector shrinks them: one call before the batch has the stack ready.
func call(loop func(n int) byte) Contender {
	var sum byte
	return Contender{
		What: "call", About: "a call of a Go function with an array of so many bytes, of which it writes the first and the last",
		Notes:  []string{"Go zeroes the array first, which compiled C and Rust do not; that is most of the time of large ones"},
		Do:     func(n int) error { sum += loop(n); return nil },
		Before: func(int) error { sum += loop(1); return nil },
	}
}

func calls8(n int) (sum byte) {
	for range n {
		sum = call8(sum)
	}
	return sum
}

//go:noinline
func call8(b byte) byte {
	var frame [8]byte
	frame[0], frame[7] = b, b+1
	return frame[int(b)&1*7]
}

func calls16(n int) (sum byte) {
	for range n {
		sum = call16(sum)
	}
	return sum
}

//go:noinline
func call16(b byte) byte {
	var frame [16]byte
	frame[0], frame[15] = b, b+1
	return frame[int(b)&1*15]
}

func calls64(n int) (sum byte) {
	for range n {
		sum = call64(sum)
	}
	return sum
}

//go:noinline
func call64(b byte) byte {
	var frame [64]byte
	frame[0], frame[63] = b, b+1
	return frame[int(b)&1*63]
}

func calls256(n int) (sum byte) {
	for range n {
		sum = call256(sum)
	}
	return sum
}

//go:noinline
func call256(b byte) byte {
	var frame [256]byte
	frame[0], frame[255] = b, b+1
	return frame[int(b)&1*255]
}

func calls1024(n int) (sum byte) {
	for range n {
		sum = call1024(sum)
	}
	return sum
}

//go:noinline
func call1024(b byte) byte {
	var frame [1024]byte
	frame[0], frame[1023] = b, b+1
	return frame[int(b)&1*1023]
}

func calls4096(n int) (sum byte) {
	for range n {
		sum = call4096(sum)
	}
	return sum
}

//go:noinline
func call4096(b byte) byte {
	var frame [4096]byte
	frame[0], frame[4095] = b, b+1
	return frame[int(b)&1*4095]
}
