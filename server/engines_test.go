package main

import (
	"testing"

	"manyi/survey/mongostore/mongotest"
)

// site is an installation on one engine with the sample in it.
type site struct {
	commands commands
	base     *base // opened beside whatever serves
	// prepare makes a process that will serve it at an address, with more of the
	// environment as pairs. One made later finds what an earlier one left.
	prepare func(addr string, more ...string) *process
}

// onBothEngines runs a test on the embedded engine and on MongoDB, which is skipped
// where there is none and MANYI_REQUIRE does not name it.
func onBothEngines(t *testing.T, do func(t *testing.T, s site)) {
	t.Run("embedded", func(t *testing.T) {
		data := sampleFolder(t, 1)
		prepare := func(addr string, more ...string) *process {
			p := newProcess("serve", "--data", data, "--addr", addr)
			for n := 0; n+1 < len(more); n += 2 {
				p.cmd.Env = append(p.cmd.Env, more[n]+"="+more[n+1])
			}
			return p
		}
		do(t, site{commands{t, map[string]string{"MANYI_DATA": data}}, openFolder(t, data), prepare})
	})
	t.Run("MongoDB", func(t *testing.T) {
		uri := mongotest.Open(t)
		i := newInstallation(t, uri, uri)
		b, data := i.fillDemo(), t.TempDir()
		prepare := func(addr string, more ...string) *process { return i.node(data, addr, more...) }
		do(t, site{i.commands(t), b, prepare})
	})
}
