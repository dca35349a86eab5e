package mongotest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared is the stand-in of all tests of this process that need none of their own.
var shared struct {
	once  sync.Once
	child *child
	err   error
}

// standin finds Java and the folder of the stand-in, or skips the test.
func standin(t testing.TB) (java, lib string) {
	t.Helper()
	missing := t.Skipf
	if strings.Contains(os.Getenv("MANYI_REQUIRE"), "mongo") {
		missing = t.Fatalf
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	lib = filepath.Join(root, ".ci", "mongo", "lib")
	if _, err := os.Stat(lib); err != nil {
		missing("no MongoDB: set MONGODB_URI, or run mvn -q -B -f .ci/mongo/pom.xml dependency:copy-dependencies: %v", err)
	}
	java, err = exec.LookPath("java")
	if err != nil {
		missing("no MongoDB: set MONGODB_URI, or install a JDK 17 for the stand-in: %v", err)
	}
	return java, lib
}

// moduleRoot is the nearest folder above a test's own that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}

// child is a running stand-in.
type child struct {
	cmd   *exec.Cmd
	addr  string
	ended chan struct{}
}

// start runs a stand-in on a port of 127.0.0.1, 0 for a free one, and returns
// once it serves.
func start(java, lib string, port int, more ...string) (*child, error) {
	c := &child{ended: make(chan struct{})}
	// Quick to start and small, rather than fast when it has run for long.
	c.cmd = exec.Command(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m",
		"-cp", filepath.Join(lib, "*"), filepath.Join(filepath.Dir(lib), "Standin.java"), strconv.Itoa(port))
	c.cmd.Args = append(c.cmd.Args, more...)
	var complaints bytes.Buffer
	c.cmd.Stderr = &complaints
	dieWithParent(c.cmd)
	// The stand-in ends when this pipe does: at the latest with this process.
	if _, err := c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stdout = in
	started := make(chan error, 1)
	go func() {
		// Where a child dies with its parent it dies with the parent's thread.
		runtime.LockOSThread()
		defer close(c.ended)
		err := c.cmd.Start()
		in.Close()
		started <- err
		if err == nil {
			c.cmd.Wait()
		}
	}()
	defer out.Close()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the stand-in for MongoDB: %w", err)
	}
	out.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(out).ReadString('\n')
	at, ok := strings.CutPrefix(strings.TrimSpace(line), "listening: ")
	if !ok {
		c.kill()
		return nil, fmt.Errorf("the stand-in for MongoDB does not listen on port %d: %q, %v\n%s", port, line, err, &complaints)
	}
	c.addr = "127.0.0.1:" + at
	return c, nil
}

// kill ends the process, frozen or not, and returns when it is gone.
func (c *child) kill() {
	c.cmd.Process.Kill()
	<-c.ended
}

// Process is a stand-in of one test's own.
type Process struct {
	t         testing.TB
	java, lib string
	port      int
	more      []string // arguments
	child     *child
}

// Server starts a stand-in that no other test uses. It is a stand-in even where
// MONGODB_URI names a server, and is killed when the test ends.
func Server(t testing.TB) *Process {
	t.Helper()
	java, lib := standin(t)
	p := &Process{t: t, java: java, lib: lib}
	p.Start()
	t.Cleanup(p.Kill)
	return p
}

// OldServer starts a stand-in that says it is of a version that is not supported.
func OldServer(t testing.TB) *Process {
	t.Helper()
	java, lib := standin(t)
	p := &Process{t: t, java: java, lib: lib, more: []string{"old"}}
	p.Start()
	t.Cleanup(p.Kill)
	return p
}

// Addr is where the process listens, host and port; it stays the same.
func (p *Process) Addr() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

// URI names a database on the process.
func (p *Process) URI(database string) string { return "mongodb://" + p.Addr() + "/" + database }

// Kill ends the process without warning, and with it everything it kept. It
// returns when the process is gone.
func (p *Process) Kill() { p.child.kill() }

// Start starts the process again after Kill, empty and on the same port.
func (p *Process) Start() {
	p.t.Helper()
	c, err := start(p.java, p.lib, p.port, p.more...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.child = c
	p.port, err = strconv.Atoi(c.addr[strings.LastIndex(c.addr, ":")+1:])
	if err != nil {
		p.t.Fatal(err)
	}
}
