package bundle

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// Options say how a bundle is checked.
type Options struct {
	// Key is the signer's public key, from elsewhere than the bundle. Without it the
	// bundle's own is used, which shows only that the bundle is whole.
	Key string
	// Progress is told how many leaves were read; may be nil.
	Progress func(leaves int)
}

// Report is what a check found.
type Report struct {
	Document  Document
	Recounted bool // the rates of cases were; else they stand on the signature
	// VisitsRecounted says the same of visits. Visits is how many leaves name them, each as
	// often as it was moved or noted.
	VisitsRecounted bool
	Visits          int64
	KeyGiven        bool
	Responses       int64 // leaves of the survey and period that were counted, those apart and superseded among them
	Cases           int64 // bad reviews of the survey whose steps were counted, and Steps how many those are
	Steps           int64
	// Evaluations is how many evaluators' work on a bureau was counted, and Versions how
	// many submitted versions of it the log holds; nought if they stand on the signature.
	Evaluations, Versions int64
	// Workdays is the days on which the bundle's calendar is another one than the notices
	// that this program was made with. Imports may have put them right, or shifted a deadline.
	Workdays  []survey.Span
	Signature []byte        // of the document by itself
	States    []proof.State // of the logs at each checkpoint of the bundle
}

// largest is how many bytes of a document are read; everything else is read in pieces.
const largest = 64 << 20

// Verify checks a bundle, and returns the first thing that does not hold. It needs no
// database, and memory that does not grow with the responses, but for one small entry
// for each bad review; for auditors for every response.
func Verify(r io.ReaderAt, size int64, o Options) (Report, error) {
	v := &verifier{Options: o, file: r, size: size}
	for _, check := range []func() error{v.open, v.document, v.bytes, v.checkpoints, v.leaves, v.units, v.derived} {
		if err := check(); err != nil {
			return v.Report, err
		}
	}
	return v.Report, nil
}

type verifier struct {
	Options
	Report
	file   io.ReaderAt
	size   int64
	zip    *zip.Reader
	key    note.Verifier
	signed string // what signature.txt signs
	count  *counter
}

// at names the file and line of a fault; line 0 is the whole file.
func at(file string, line int64, err error) error {
	if err == nil {
		return nil
	}
	if line == 0 {
		return fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Errorf("%s, line %d: %w", file, line, err)
}

func (v *verifier) open() error {
	var err error
	if v.zip, err = zip.NewReader(v.file, v.size); err != nil {
		return fmt.Errorf("it is no bundle: %w", err)
	}
	if len(v.zip.File) != len(files) {
		return fmt.Errorf("it holds %d files; a bundle holds %d: %s", len(v.zip.File), len(files), strings.Join(files, ", "))
	}
	for i, f := range v.zip.File {
		if f.Name != files[i] || f.Method != zip.Store {
			return fmt.Errorf("its file %d is %q; want %s, not compressed", i+1, f.Name, files[i])
		}
	}
	return nil
}

// reader reads a file of the bundle from its beginning.
func (v *verifier) reader(name string) (io.Reader, error) {
	for _, f := range v.zip.File {
		if f.Name == name {
			r, err := f.OpenRaw()
			return r, at(name, 0, err)
		}
	}
	return nil, at(name, 0, errors.New("it is missing"))
}

func (v *verifier) text(name string) ([]byte, error) {
	r, err := v.reader(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, largest+1))
	if err == nil && len(text) > largest {
		err = fmt.Errorf("it is longer than %d bytes", largest)
	}
	return text, at(name, 0, err)
}

// document checks the document's form, the signatures and the version of the rules.
func (v *verifier) document() error {
	body, err := v.text(documentFile)
	if err != nil {
		return err
	}
	if v.Document, err = Decode(body); err != nil {
		return at(documentFile, 0, err)
	}
	d := v.Document
	key := d.Key
	if v.Options.Key != "" {
		v.KeyGiven, key = true, v.Options.Key
		if key != d.Key {
			return at(documentFile, 0, fmt.Errorf("it was signed with the key %s, not with the one given, %s", d.Key, key))
		}
	}
	if v.key, err = note.NewVerifier(key); err != nil {
		return at(documentFile, 0, fmt.Errorf("key %q: %w", key, err))
	}
	signature, err := v.text(signatureFile)
	if err != nil {
		return err
	}
	if v.signed, err = openNote(signature, v.key); err != nil {
		return at(signatureFile, 0, err)
	}
	signature, err = v.text(documentSigFile)
	if err != nil {
		return err
	}
	if _, err := CheckDocument(body, signature, v.key); err != nil {
		return at(documentSigFile, 0, err)
	}
	v.Signature = signature
	rules, err := d.rules()
	if err == nil && rules != d.Rules {
		err = fmt.Errorf("the rules it holds have the version %s, and it names %s", rules, d.Rules)
	}
	if stated := d.stated(); err == nil && !slices.Equal(d.Stated, stated) && !d.before() {
		err = fmt.Errorf("it names %s as not recomputed; that is %s", strings.Join(d.Stated, ", "), strings.Join(stated, ", "))
	}
	switch {
	case err != nil:
	case d.Visits != nil && d.Cases == nil:
		err = errors.New("visits: only auditors are told of them, with what cases are counted with")
	case d.Cases != nil:
		err = d.Cases.check(d.Audience)
	case d.Audience == Auditor && !d.before():
		err = errors.New("cases: it is for auditors, and does not say what its cases are counted with")
	}
	if err == nil {
		err = d.checkInstrument()
	}
	if err == nil && d.Sample != d.Survey.Sample {
		err = errors.New("the mark of a sample is not that of the survey")
	}
	return at(documentFile, 0, err)
}

// bytes writes the bundle anew from its files: the list of their hashes has to be what
// was signed, and the ZIP the same to the byte.
func (v *verifier) bytes() error {
	same := &comparison{file: bufio.NewReaderSize(io.NewSectionReader(v.file, 0, v.size), 1<<18)}
	a := newArchive(same, v.Document)
	for _, name := range files {
		if name == signatureFile {
			if err := sameLines(a.list.String(), v.signed); err != nil {
				return err
			}
		}
		r, err := v.reader(name)
		if err == nil {
			err = a.file(name, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
		}
		if err != nil && !errors.Is(err, errOtherForm) {
			return at(name, 0, err)
		}
	}
	a.zip.Close() // what does not match was noted
	if _, err := same.file.ReadByte(); same.differ || err != io.EOF {
		return fmt.Errorf("the ZIP, near byte %d: %w", same.n, errOtherForm)
	}
	return nil
}

func sameLines(got, signed string) error {
	lines := strings.Split(got, "\n")
	for i, want := range strings.Split(signed, "\n") {
		if i >= len(lines) || lines[i] != want {
			name, _, _ := strings.Cut(want, " ")
			return fmt.Errorf("%s: it is not what was signed; %s, line %d says %q", name, signatureFile, i+1, want)
		}
	}
	if got != signed {
		return at(signatureFile, 0, errors.New("it does not name every file"))
	}
	return nil
}

var errOtherForm = errors.New("it is not in the form it was written in")

// comparison is written to, and compares with a file. It goes on after a difference,
// so that the files' hashes are told first.
type comparison struct {
	file   *bufio.Reader
	n      int64
	differ bool
	buf    []byte
}

func (c *comparison) Write(b []byte) (int, error) {
	if c.differ {
		return len(b), nil
	}
	if len(c.buf) < len(b) {
		c.buf = make([]byte, len(b))
	}
	n, _ := io.ReadFull(c.file, c.buf[:len(b)])
	if n < len(b) || !bytes.Equal(c.buf[:n], b) {
		c.differ = true
		return len(b), nil
	}
	c.n += int64(n)
	return n, nil
}

// checkpoints reads the signed states; the data log's roots are compared as the leaves
// are read.
func (v *verifier) checkpoints() error {
	r, err := v.reader(checkpointsFile)
	if err != nil {
		return err
	}
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 1<<20)
	var last proof.State
	var text string
	for n := int64(1); scan.Scan(); n++ {
		line, receipts, err := readCheckpoint(scan.Bytes())
		if err != nil {
			return at(checkpointsFile, n, err)
		}
		if _, err := openNote([]byte(line.Note), v.key); err != nil {
			return at(checkpointsFile, n, err)
		}
		state, err := proof.OpenState([]byte(line.Note), v.key)
		if err == nil && len(v.States) > 0 && (state.At.Before(last.At) || state.Data.Size < last.Data.Size || state.Data.Size == last.Data.Size && state.Data != last.Data) {
			err = errors.New("it does not follow the one before")
		}
		if err == nil {
			err = proof.CheckConsist(receipts, state.Receipts, last.Receipts)
		}
		if err != nil {
			return at(checkpointsFile, n, err)
		}
		if len(v.States) > 0 && state.Data == last.Data && line.Note != v.Document.Checkpoint {
			return at(checkpointsFile, n, errors.New("the log had not grown; only the last line may be such a one"))
		}
		v.States, last, text = append(v.States, state), state, line.Note
	}
	if err := scan.Err(); err != nil {
		return at(checkpointsFile, 0, err)
	}
	if text != v.Document.Checkpoint {
		return at(checkpointsFile, 0, errors.New("the last checkpoint is not the document's"))
	}
	if last.Data.Size != v.Document.Leaves {
		return at(documentFile, 0, fmt.Errorf("it says %d leaves, its checkpoint %d", v.Document.Leaves, last.Data.Size))
	}
	if len(v.States) != v.Document.Checkpoints {
		return at(checkpointsFile, 0, fmt.Errorf("it holds %d checkpoints, the document names %d", len(v.States), v.Document.Checkpoints))
	}
	return nil
}

// units makes the units and sheets anew from what was counted.
func (v *verifier) units() error {
	d := v.Document
	if err := v.count.done(); err != nil {
		return err
	}
	if err := v.partition(); err != nil {
		return at(documentFile, 0, err)
	}
	cases, err := v.cases()
	if err != nil {
		return err
	}
	visits, err := v.visits()
	if err != nil {
		return err
	}
	evaluations, err := v.evaluations()
	if err != nil {
		return err
	}
	for i, u := range v.count.units(cases, visits, evaluations) {
		if err := same(u, d.Units[i]); err != nil {
			return at(documentFile, 0, fmt.Errorf("unit %d, %s: %w", i+1, u.Place, err))
		}
		if err := errors.Join(small(u, d.Audience.least()), u.Check(d.Audience.least())); err != nil {
			return at(documentFile, 0, fmt.Errorf("unit %d, %s: %w", i+1, u.Place, err))
		}
	}
	if err := same(v.count.apart, d.Apart); err != nil && len(v.count.apart)+len(d.Apart) > 0 {
		return at(documentFile, 0, fmt.Errorf("apart: %w", err))
	}
	if err := same(v.count.decisions.granted(), d.NotAdopted); err != nil {
		return at(documentFile, 0, fmt.Errorf("not_adopted: %w", err))
	}
	sheets := sheet.Make(d.Survey, d.Units)
	if len(sheets) != len(d.Sheets) {
		return at(documentFile, 0, fmt.Errorf("it holds %d sheets of %d units", len(d.Sheets), len(sheets)))
	}
	for i := range sheets {
		if err := same(sheets[i], d.Sheets[i]); err != nil {
			return at(documentFile, 0, fmt.Errorf("sheet %d, %s: %w", i+1, d.Units[i].Place, err))
		}
	}
	return nil
}

// partition checks that every candidate is in one unit.
func (v *verifier) partition() error {
	seen := map[string]bool{}
	for _, u := range v.Document.Units {
		members := u.Pooled
		if len(members) == 0 {
			members = []string{u.Place}
		}
		for _, b := range members {
			if seen[b] || !v.Document.Survey.Candidate(b) {
				return fmt.Errorf("bureau %s of unit %s is in another one as well, or no candidate", b, u.Place)
			}
			seen[b] = true
		}
	}
	for _, b := range v.Document.Survey.Candidates {
		if !seen[b] {
			return fmt.Errorf("bureau %s is in no unit", b)
		}
	}
	return nil
}

// small finds numbers that may not be told.
func small(u sheet.Unit, least int64) error {
	for _, channels := range []map[string]sheet.Counts{u.Counted, u.NotAdopted} {
		for _, name := range sortedKeys(channels) {
			c := channels[name]
			if !told(least, c.Good, c.N-c.Good) || c.Levels != nil && !told(least, c.Levels[:]...) {
				return fmt.Errorf("channel %s has a number below %d, which may not be told", name, least)
			}
		}
	}
	if !told(least, u.Superseded) {
		return fmt.Errorf("superseded is below %d, which may not be told", least)
	}
	return nil
}

// derived makes the files anew that follow from the document.
func (v *verifier) derived() error {
	for _, f := range derived {
		got, err := v.text(f.name)
		if err != nil {
			return err
		}
		var want bytes.Buffer
		if err := f.write(&want, v.Document); err != nil {
			return at(f.name, 0, err)
		}
		if bytes.Equal(got, want.Bytes()) {
			continue
		}
		lines := bytes.Split(got, []byte("\n"))
		for i, line := range bytes.Split(want.Bytes(), []byte("\n")) {
			if i >= len(lines) || !bytes.Equal(lines[i], line) {
				return at(f.name, int64(i+1), fmt.Errorf("want %.300q", line))
			}
		}
		return at(f.name, 0, errors.New("there is more than belongs there"))
	}
	return nil
}
