package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed testdata/check.rs
var checkSource []byte

// edition is what the listings are compiled as: the one that rustc has when no other
// is asked for lacks what people write today.
const edition = "--edition=2021"

var errNoRustc = errors.New("there is no rustc, neither in PATH nor in ~/.cargo/bin")

// findRustc looks in PATH, then where rustup puts it. A proxy of rustup's is asked for
// the compiler behind it, which starts faster.
func findRustc() (path, version string, err error) {
	path, err = exec.LookPath("rustc")
	if err != nil {
		home, homeErr := os.UserHomeDir()
		if homeErr != nil {
			return "", "", errNoRustc
		}
		if path, err = exec.LookPath(filepath.Join(home, ".cargo", "bin", "rustc")); err != nil {
			return "", "", errNoRustc
		}
	}
	says := func(arg string) string {
		out, sayErr := exec.Command(path, arg).Output()
		if sayErr != nil {
			err = fmt.Errorf("%s %s: %w", path, arg, sayErr)
		}
		return strings.TrimSpace(string(out))
	}
	version = says("--version")
	if sysroot := says("--print=sysroot"); err == nil {
		if real, lookErr := exec.LookPath(filepath.Join(sysroot, "bin", "rustc")); lookErr == nil {
			path = real
		}
	}
	return path, version, err
}

// compile runs rustc and returns what it says where it refuses.
func (c *checker) compile(args ...string) (refused string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.rustc, append([]string{edition, "-A", "warnings", "--color=never"}, args...)...)
	cmd.Dir = c.temp
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil {
		return said.String(), nil
	}
	if err != nil {
		return "", fmt.Errorf("%v: %w", cmd.Args, err)
	}
	return "", nil
}

// compiles compiles a listing as it is.
func (c *checker) compiles(t *trace) (differences []string, err error) {
	if err := c.write("listing.rs", strings.Join(t.Source, "\n")+"\n"); err != nil {
		return nil, err
	}
	refused, err := c.compile("--crate-name=listing", "--crate-type=bin", "--emit=metadata", "-o", "listing.rmeta", "listing.rs")
	if refused != "" {
		differences = append(differences, "rustc refuses the listing:\n"+refused)
	}
	return differences, err
}

// build makes one binary of all programs, each a module of its own: linking takes
// longer than compiling.
func (c *checker) build(programs []*program) (binary string, err error) {
	var main strings.Builder
	main.WriteString("mod check;\n#[global_allocator]\nstatic ALLOCATOR: check::Telling = check::Telling;\n")
	arms := ""
	for _, p := range programs {
		fmt.Fprintf(&main, "mod %s;\n", p.module())
		arms += fmt.Sprintf("        (%q, \"run\") => check::run(%s::checked::run, args[3].parse().unwrap()),\n", p.trace.Scenario, p.module())
		arms += fmt.Sprintf("        (%q, \"layouts\") => %s::checked::layouts(),\n", p.trace.Scenario, p.module())
		if err := c.write(p.module()+".rs", p.rust()); err != nil {
			return "", err
		}
	}
	fmt.Fprintf(&main, "fn main() {\n    let args: Vec<String> = std::env::args().collect();\n"+
		"    match (args[1].as_str(), args[2].as_str()) {\n%s        _ => panic!(\"no such program\"),\n    }\n}\n", arms)
	if err := errors.Join(c.write("check.rs", string(checkSource)), c.write("main.rs", main.String())); err != nil {
		return "", err
	}
	binary = filepath.Join(c.temp, "checked")
	refused, err := c.compile("--crate-name=checked", "-o", binary, "main.rs")
	if refused != "" {
		err = fmt.Errorf("rustc refuses the listings with what is added to them:\n%s", refused)
	}
	return binary, err
}

func (c *checker) write(name, text string) error {
	return os.WriteFile(filepath.Join(c.temp, name), []byte(text), 0o600)
}

// runChecked runs one program to its end and returns what it told. refused has a bit
// for each allocation, the lowest for the first: those get no memory.
func (c *checker) runChecked(binary, scenario, what string, refused uint64) (told []told, err error) {
	out, said, err := c.start(binary, scenario, what, refused)
	if err != nil {
		return nil, fmt.Errorf("the real program: %w\n%s", err, said)
	}
	return parseTold(out), nil
}

// start runs one program: what it told, what it said on stderr, and how it ended.
func (c *checker) start(binary, scenario, what string, refused uint64) (out []byte, said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	file, err := os.Create(filepath.Join(c.temp, "told"))
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	cmd := exec.CommandContext(ctx, binary, scenario, what, fmt.Sprint(refused))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.ExtraFiles = []*os.File{file} // descriptor 3
	err = cmd.Run()
	out, readErr := os.ReadFile(file.Name())
	return out, stderr.String(), errors.Join(err, readErr)
}

// overflows runs a program that has to overflow its stack.
func (c *checker) overflows(binary string, p *program) (summary string, differences []string, err error) {
	_, said, err := c.start(binary, p.trace.Scenario, "run", 0)
	exit := new(exec.ExitError)
	if err != nil && !errors.As(err, &exit) {
		return "", nil, err
	}
	const want = "has overflowed its stack"
	if !strings.Contains(said, want) {
		differences = append(differences, fmt.Sprintf("the trace ends in a fault; the real program: %v, stderr %q", err, said))
	}
	return "the real program " + want, differences, nil
}
