package mongotest

import (
	"os/exec"
	"syscall"
)

// dieWithParent sees to it that the process is killed even if it is frozen, and
// cannot notice that its standard input ended, when this one dies.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
