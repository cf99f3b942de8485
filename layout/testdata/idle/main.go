// Command idle waits for its standard input to end, and does nothing before.
package main

import "os"

func main() {
	os.Stdout.WriteString("end 0\n")
	os.Stdin.Read(make([]byte, 1))
}
