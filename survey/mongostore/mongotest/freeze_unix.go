//go:build unix

package mongotest

import "syscall"

// Freeze stops the process where it is: the system still accepts connections for
// it, and nothing is answered. It returns when every thread has stopped.
func (p *Process) Freeze() {
	p.t.Helper()
	pid := p.child.cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		p.t.Fatalf("freeze the stand-in: %v", err)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			p.t.Fatalf("the stand-in did not freeze: %v, status %#x", err, status)
		}
		return
	}
}

// Thaw lets the process go on. What was sent to it meanwhile is done now.
func (p *Process) Thaw() {
	p.t.Helper()
	if err := syscall.Kill(p.child.cmd.Process.Pid, syscall.SIGCONT); err != nil {
		p.t.Fatalf("thaw the stand-in: %v", err)
	}
}
