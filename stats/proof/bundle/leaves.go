package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"

	"manyi/stats/proof"
)

// chunk is whole lines of the leaves' file, and then what they say.
type chunk struct {
	text  []byte
	first int64 // index of its first leaf
	facts []fact
	err   error
	done  chan struct{}
}

const chunkBytes = 1 << 20

// leaves reads every leaf, as many pieces at a time as there are processors, and adds
// them up in order.
func (v *verifier) leaves() error {
	r, err := v.reader(leavesFile)
	if err != nil {
		return err
	}
	s := shapeOf(&v.Document)
	v.count = newCounter(&v.Document, s, v.States)
	j := &judge{&v.Document, s, v.Document.Survey.Location(), v.count.judged}
	if err := v.count.roots(); err != nil {
		return at(leavesFile, 0, err)
	}
	if len(s.units) != len(v.Document.Units) {
		return at(documentFile, 0, errors.New("two units have the same place"))
	}
	workers := runtime.GOMAXPROCS(0)
	work, ordered, stop := make(chan *chunk, workers), make(chan *chunk, workers), make(chan struct{})
	defer close(stop)
	for range workers {
		go func() {
			for c := range work {
				c.judge(j)
				close(c.done)
			}
		}()
	}
	var broken error
	go func() {
		defer close(work)
		defer close(ordered)
		broken = cut(r, func(c *chunk) bool {
			for _, to := range []chan *chunk{ordered, work} {
				select {
				case to <- c:
				case <-stop:
					return false
				}
			}
			return true
		})
	}()
	for c := range ordered {
		<-c.done
		for i, f := range c.facts {
			if err := v.count.add(f); err != nil {
				return at(leavesFile, c.first+int64(i)+1, err)
			}
		}
		if c.err != nil {
			return at(leavesFile, c.first+int64(len(c.facts))+1, c.err)
		}
		if v.Progress != nil {
			v.Progress(int(v.count.size))
		}
	}
	if broken != nil {
		return at(leavesFile, v.count.size+1, broken)
	}
	if v.count.size != v.Document.Leaves {
		return at(leavesFile, 0, fmt.Errorf("it holds %d leaves, and the checkpoint %d", v.count.size, v.Document.Leaves))
	}
	v.Responses = v.count.responses
	return nil
}

// cut reads whole lines, and hands them out until it is told to stop.
func cut(r io.Reader, hand func(*chunk) bool) error {
	var rest []byte
	var lines int64
	for {
		buf := make([]byte, chunkBytes+len(rest))
		n := copy(buf, rest)
		m, err := io.ReadFull(r, buf[n:])
		buf = buf[:n+m]
		end := bytes.LastIndexByte(buf, '\n') + 1
		if end == 0 && len(buf) > 0 {
			return errors.New("it has no end, or is too long")
		}
		if end > 0 {
			c := &chunk{text: buf[:end], first: lines, done: make(chan struct{})}
			lines += int64(bytes.Count(c.text, []byte{'\n'}))
			if !hand(c) {
				return nil
			}
		}
		rest = buf[end:]
		switch {
		case (err == io.EOF || err == io.ErrUnexpectedEOF) && len(rest) > 0:
			return errors.New("it has no end")
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
	}
}

func (c *chunk) judge(j *judge) {
	var l proof.Line
	index := c.first
	for rest := c.text; len(rest) > 0; index++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		f, err := j.read(&l, line, index)
		if err != nil {
			c.err = err
			return
		}
		c.facts = append(c.facts, f)
	}
}
