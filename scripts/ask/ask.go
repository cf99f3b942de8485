// Package ask runs memprobe for the checks that compare what it says.
package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// JSON decodes what memprobe prints when it is run with args, which may take as long
// as limit. What it says on stderr is passed on.
func JSON(memprobe string, limit time.Duration, into any, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, memprobe, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	return nil
}

// Plural counts things: 1 step, 2 steps.
func Plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
