package claims

// disassembled is a command line that shows the instructions of the function whose
// code the claims about instructions read.
const disassembled = `gdb -batch -ex "disassemble 'memprobe/probe/claims.framed'" $(which memprobe)`

// rustc is a command line that compiles a program with this main, and runs it.
func rustc(main string) string {
	return "echo 'fn main() { " + main + " }' | rustc -o byhand - && ./byhand"
}

// refused is a command line in which the compiler refuses a program with this main.
func refused(main string) string {
	return "echo 'fn main() { " + main + " }' | rustc -o byhand -   # refused"
}

// assembly is a command line that shows the machine code of an unoptimised program.
func assembly(program string) string {
	return "echo '" + program + "' | rustc --crate-name byhand --emit asm -o byhand.s - && grep -A 30 '4main.*:$' byhand.s"
}

// optimised is a command line that looks for a pattern in the machine code of an
// optimised program.
func optimised(program, pattern, finds string) string {
	return "echo '" + program + "' | rustc -O --crate-name byhand --emit asm -o byhand.s - && grep '" + pattern + "' byhand.s   # " + finds
}
