package sqlitestore

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"manyi/survey"
)

// The body of a response holds what no query selects by. One BLOB is read several
// times faster than eight columns. Its layout is documented with the table, in
// the migration; the level comes first so that it can be told by eye.
const bodyVersion = 1

// The bits of byte 3.
const (
	bodyNamed     = 1
	bodyAnonymous = 2
	bodyCorrects  = 4
	bodyPaper     = 8
	bodyInterview = 16
)

func encodeBody(r *survey.Response) []byte {
	b := make([]byte, 0, 48+len(r.Comment))
	b = append(b, byte(r.Level), bodyVersion, byte(r.Channel), 0)
	if r.Case != (survey.CaseRef{}) || len(r.Secret) > 0 {
		b[3] = bodyNamed
	}
	if r.Anonymous {
		b[3] |= bodyAnonymous
	}
	if r.Corrects {
		b[3] |= bodyCorrects
	}
	b = binary.AppendVarint(b, millis(r.ReceivedAt))
	b = append(b, r.ID[:]...)
	b = binary.AppendVarint(b, int64(r.Version))
	if r.Paper != nil {
		b[3] |= bodyPaper
		b = binary.AppendVarint(b, int64(r.Paper.Number))
		b = binary.AppendVarint(b, int64(r.Paper.Day))
		b = binary.AppendUvarint(b, uint64(len(r.Paper.By)))
		b = append(b, r.Paper.By...)
	}
	if r.Interview != nil {
		b[3] |= bodyInterview
		for _, text := range []string{string(r.Interview.Mode), r.Interview.By} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(r.Answers)))
	for _, name := range slices.Sorted(maps.Keys(r.Answers)) {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = append(b, byte(r.Answers[name]))
	}
	b = binary.AppendUvarint(b, uint64(len(r.Reasons)))
	for _, code := range r.Reasons {
		b = binary.AppendVarint(b, int64(code))
	}
	return append(b, r.Comment...)
}

var errBody = errors.New("stored response is damaged: restore a backup")

// decodeBody reads what encodeBody wrote. b may be reused afterwards.
func decodeBody(b []byte, r *survey.Response, known *names) error {
	d, err := openBody(b)
	if err != nil {
		return err
	}
	r.Level, r.Channel = survey.Level(b[0]), survey.Channel(b[2])
	r.Anonymous, r.Corrects = b[3]&bodyAnonymous != 0, b[3]&bodyCorrects != 0
	r.ReceivedAt = instant(d.varint())
	copy(r.ID[:], d.bytes(len(r.ID)))
	r.Version = int(d.varint())
	if b[3]&bodyPaper != 0 {
		r.Paper = &survey.PaperForm{Number: int(d.varint()), Day: survey.Span(d.varint())}
		r.Paper.By = known.of(d.bytes(int(d.uvarint())))
	}
	if b[3]&bodyInterview != 0 {
		r.Interview = &survey.Interview{Mode: survey.InterviewMode(known.of(d.bytes(int(d.uvarint()))))}
		r.Interview.By = known.of(d.bytes(int(d.uvarint())))
	}
	if n := d.uvarint(); n > 0 && n <= uint64(len(d.b)) {
		r.Answers = make(map[string]survey.Level, n)
		for range n {
			name := known.of(d.bytes(int(d.uvarint())))
			r.Answers[name] = survey.Level(d.bytes(1)[0])
		}
	} else if n > 0 {
		return errBody
	}
	if n := d.uvarint(); n > 0 && n <= uint64(len(d.b)) {
		r.Reasons = make([]int, n)
		for i := range r.Reasons {
			r.Reasons[i] = int(d.varint())
		}
	} else if n > 0 {
		return errBody
	}
	r.Comment = string(d.rest())
	if d.bad {
		return errBody
	}
	return nil
}

// claimIn reads only what decides which of several responses counts.
func claimIn(b []byte) (c survey.Claim, err error) {
	d, err := openBody(b)
	if err != nil {
		return c, err
	}
	c.ReceivedAt = instant(d.varint())
	c.Imported, c.Corrects = survey.Channel(b[2]) == survey.ChannelImported, b[3]&bodyCorrects != 0
	if d.bad {
		return c, errBody
	}
	return c, nil
}

// openBody checks the four bytes of fixed meaning and returns what follows.
func openBody(b []byte) (decoder, error) {
	if len(b) < 4 || b[1] != bodyVersion {
		return decoder{}, errBody
	}
	return decoder{b: b[4:]}, nil
}
