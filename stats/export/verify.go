package export

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Errors of Verify.
var (
	ErrCut     = errors.New("the file is cut: its last line is missing") // download it again
	ErrChanged = errors.New("the file was changed after it was written") // do not rely on it
)

var trailers = map[Format]*regexp.Regexp{
	CSV:   regexp.MustCompile(`^#end,rows=(\d{1,18}),sha256=([0-9a-f]{64}),*\r\n$`),
	JSONL: regexp.MustCompile(`^{"end":{"rows":(\d{1,18}),"sha256":"([0-9a-f]{64})"}}\n$`),
	JSON:  regexp.MustCompile(`^],"count":(\d{1,18}),"sha256":"([0-9a-f]{64})"}\n$`),
}

// maxTrailer is the longest last line looked for, in bytes.
const maxTrailer = 4 << 10

// Verify reads a CSV, JSON Lines or JSON file in constant memory and says whether
// it is whole: ErrCut if the trailer is missing, ErrChanged if rows or hash
// differ from it. The Manifest is what the trailer states.
func Verify(r io.Reader, f Format) (Manifest, error) {
	trailer, ok := trailers[f]
	if !ok {
		return Manifest{}, fmt.Errorf("verify: format %q has no trailer", f)
	}
	body := lineCounter{quotes: f == CSV}
	sum := sha256.New()
	tail, err := allButTail(io.MultiWriter(sum, &body), r)
	if err != nil {
		return Manifest{}, fmt.Errorf("verify: %w", err)
	}
	last := bytes.LastIndexByte(bytes.TrimSuffix(tail, []byte("\n")), '\n') + 1
	match := trailer.FindSubmatch(tail[last:])
	if match == nil {
		return Manifest{}, ErrCut
	}
	sum.Write(tail[:last])
	body.Write(tail[:last])
	if body.inQuotes {
		return Manifest{}, ErrCut
	}
	if f != JSONL {
		body.lines-- // header or head
	}
	rows, _ := strconv.ParseInt(string(match[1]), 10, 64)
	m := Manifest{Rows: rows, SHA256: string(match[2])}
	if body.lines != rows || fmt.Sprintf("%x", sum.Sum(nil)) != m.SHA256 {
		return m, ErrChanged
	}
	return m, nil
}

// allButTail copies r to w but for its last maxTrailer bytes, which it returns.
func allButTail(w io.Writer, r io.Reader) (tail []byte, err error) {
	buf := make([]byte, 0, flushAt)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf[max(0, len(buf)-maxTrailer):], writeAll(w, buf[:max(0, len(buf)-maxTrailer)])
		}
		if err != nil {
			return nil, err
		}
		if len(buf) == cap(buf) {
			done := len(buf) - maxTrailer
			if err := writeAll(w, buf[:done]); err != nil {
				return nil, err
			}
			buf = buf[:copy(buf, buf[done:])]
		}
	}
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// lineCounter counts line ends; in CSV those inside quotes belong to a cell.
type lineCounter struct {
	quotes   bool
	inQuotes bool
	lines    int64
}

func (c *lineCounter) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case b == '"' && c.quotes:
			c.inQuotes = !c.inQuotes
		case b == '\n' && !c.inQuotes:
			c.lines++
		}
	}
	return len(p), nil
}
