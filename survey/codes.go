package survey

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// IssueCode makes and stores a new code for a window. The serial is random, so
// that nothing can be read from it, and drawn again if it is taken.
func IssueCode(ctx context.Context, store CodeStore, survey, window string, now time.Time) (WindowCode, error) {
	for {
		var b [4]byte
		rand.Read(b[:])
		c := WindowCode{Serial: binary.BigEndian.Uint32(b[:]), Survey: survey, Window: window,
			IssuedAt: now.UTC().Truncate(time.Millisecond)}
		err := store.AddCode(ctx, c)
		if !errors.Is(err, ErrExists) {
			return c, err
		}
	}
}

// CodesInForce returns one code in force for each of the windows, issuing those
// that are missing.
func CodesInForce(ctx context.Context, store CodeStore, survey string, windows []Place, now time.Time) ([]WindowCode, error) {
	stored, err := store.Codes(ctx, survey, "")
	if err != nil {
		return nil, err
	}
	have := map[string]WindowCode{}
	for _, c := range stored {
		if !c.Revoked() {
			have[c.Window] = c
		}
	}
	out := make([]WindowCode, 0, len(windows))
	for _, w := range windows {
		c, ok := have[w.Code]
		if !ok {
			if c, err = IssueCode(ctx, store, survey, w.Code, now); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}
