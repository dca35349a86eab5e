package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"manyi/survey"
)

// sealedPages reads a page of a kind's values from behind an ID on.
var sealedPages = map[survey.SealedKind]func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error){
	survey.SealedContacts: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT key, 0, key_id, sealed, phone_hash FROM contacts WHERE key > ? ORDER BY key LIMIT ?", orEmpty(after.ID), pageRows)
	},
	survey.SealedComments: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT key, 0, key_id, sealed, NULL FROM originals WHERE key > ? ORDER BY key LIMIT ?", orEmpty(after.ID), pageRows)
	},
	survey.SealedNotes: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		key := after.Response()
		return s.read.QueryContext(ctx, `SELECT c.key, e.no, e.doc ->> '$.original.key', e.doc ->> '$.original.sealed', NULL
			FROM entries e JOIN cases c ON c.seq = e.seq
			WHERE instr(e.doc, '"original":{') > 0 AND (e.seq, e.no) > (coalesce((SELECT seq FROM responses WHERE key = ?), 0), ?)
			ORDER BY e.seq, e.no LIMIT ?`, key[:], after.No(), pageRows)
	},
	survey.SealedMessages: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT id, 0, key_id, sealed, phone FROM messages WHERE id > ? AND sealed IS NOT NULL ORDER BY id LIMIT ?", string(after.ID), pageRows)
	},
	survey.SealedInbound: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT id, at, key_id, sealed, phone_hash FROM inbound WHERE id > ? AND sealed IS NOT NULL ORDER BY id LIMIT ?", string(after.ID), pageRows)
	},
	survey.SealedInboundText: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT id, at, text_key, text, NULL FROM inbound WHERE id > ? AND text IS NOT NULL ORDER BY id LIMIT ?", string(after.ID), pageRows)
	},
	survey.SealedOptOuts: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT phone, 0, key_id, sealed, phone FROM opt_outs WHERE phone > ? AND sealed IS NOT NULL ORDER BY phone LIMIT ?", orEmpty(after.ID), pageRows)
	},
	survey.SealedUsers: func(s *Store, ctx context.Context, after *survey.SealedValue) (*sql.Rows, error) {
		return s.read.QueryContext(ctx, "SELECT name, 0, phone_key, phone, NULL FROM users WHERE name > ? AND phone IS NOT NULL ORDER BY name LIMIT ?", string(after.ID), pageRows)
	},
}

// orEmpty makes a missing key the lowest one.
func orEmpty(key []byte) []byte {
	if key == nil {
		return []byte{}
	}
	return key
}

// SealedValues implements survey.SealedStore.
func (s *Store) SealedValues(ctx context.Context, kind survey.SealedKind, yield func(survey.SealedValue) error) error {
	if kind == survey.SealedVisits {
		return s.Visits(ctx, func(v survey.Visit) error {
			if sealed := v.Sealed(); len(sealed.Sealed) > 0 {
				return yield(sealed)
			}
			return nil
		})
	}
	read := sealedPages[kind]
	if read == nil {
		return fmt.Errorf("read sealed values: no kind %q", kind)
	}
	last := &survey.SealedValue{Kind: kind}
	for {
		var page []survey.SealedValue
		rows, err := read(s, ctx, last)
		err = each(rows, err, func(r *sql.Rows) error {
			v := survey.SealedValue{Kind: kind}
			var no int64 // of an entry, or a time
			if err := r.Scan(&v.ID, &no, &v.KeyID, &v.Sealed, &v.PhoneHash); err != nil {
				return err
			}
			if kind == survey.SealedNotes {
				v.ID = survey.NoteID(survey.Key(v.ID), int(no))
				if err := json.Unmarshal([]byte(`"`+string(v.Sealed)+`"`), &v.Sealed); err != nil {
					return err
				}
			}
			if kind == survey.SealedInbound || kind == survey.SealedInboundText {
				v.At = instant(no)
			}
			page = append(page, v)
			return nil
		})
		if err != nil {
			return wrap("read sealed values", translate(err))
		}
		for i := range page {
			if err := yield(page[i]); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		last = &page[len(page)-1]
	}
}

// ReplaceSealed implements survey.SealedStore. What is deleted is overwritten in its
// page; see Scrub for the log.
func (s *Store) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (done bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "PRAGMA secure_delete = ON"); err != nil {
			return err
		}
		defer tx.ExecContext(ctx, "PRAGMA secure_delete = OFF")
		var erase, replace string // in replace, ?3 to ?5 are the next key, text and hash
		switch old.Kind {
		case survey.SealedNotes:
			done, err = replaceNote(ctx, tx, old, next)
			return err
		case survey.SealedVisits:
			of, c := old.Visit()
			done, err = changed(tx.ExecContext(ctx, "UPDATE visits SET key_id = ?, sealed = ?, phone = ? WHERE survey = ? AND case_number = ? AND stage = ? AND sealed = ?",
				next.KeyID, nullableBytes(next.Sealed), nullableBytes(next.PhoneHash), of, c.Number, c.Stage, old.Sealed))
			return err
		case survey.SealedContacts:
			erase = "DELETE FROM contacts WHERE key = ?1 AND sealed = ?2"
			replace = "UPDATE contacts SET key_id = ?3, sealed = ?4, phone_hash = ?5 WHERE key = ?1 AND sealed = ?2"
		case survey.SealedComments:
			erase = "DELETE FROM originals WHERE key = ?1 AND sealed = ?2"
			replace = "UPDATE originals SET key_id = ?3, sealed = ?4 WHERE key = ?1 AND sealed = ?2"
		case survey.SealedMessages:
			erase = "UPDATE messages SET key_id = '', sealed = NULL, phone = NULL WHERE id = CAST(?1 AS TEXT) AND sealed = ?2"
			replace = "UPDATE messages SET key_id = ?3, sealed = ?4, phone = ?5 WHERE id = CAST(?1 AS TEXT) AND sealed = ?2"
		case survey.SealedInbound:
			erase = "UPDATE inbound SET key_id = '', sealed = NULL, phone_hash = NULL WHERE id = CAST(?1 AS TEXT) AND sealed = ?2"
			replace = "UPDATE inbound SET key_id = ?3, sealed = ?4, phone_hash = ?5 WHERE id = CAST(?1 AS TEXT) AND sealed = ?2"
		case survey.SealedInboundText:
			erase = "UPDATE inbound SET text_key = '', text = NULL WHERE id = CAST(?1 AS TEXT) AND text = ?2"
			replace = "UPDATE inbound SET text_key = ?3, text = ?4 WHERE id = CAST(?1 AS TEXT) AND text = ?2"
		case survey.SealedOptOuts:
			erase = "DELETE FROM opt_outs WHERE phone = ?1 AND sealed = ?2"
			replace = "UPDATE OR REPLACE opt_outs SET key_id = ?3, sealed = ?4, phone = ?5 WHERE phone = ?1 AND sealed = ?2"
		case survey.SealedUsers:
			erase = "UPDATE users SET phone_key = NULL, phone = NULL WHERE name = CAST(?1 AS TEXT) AND phone = ?2"
			replace = "UPDATE users SET phone_key = ?3, phone = ?4 WHERE name = CAST(?1 AS TEXT) AND phone = ?2 AND ?5 IS NULL" // none is found by a hash
		default:
			return fmt.Errorf("no kind %q", old.Kind)
		}
		if len(next.Sealed) == 0 {
			done, err = changed(tx.ExecContext(ctx, erase, old.ID, old.Sealed))
		} else {
			done, err = changed(tx.ExecContext(ctx, replace, old.ID, old.Sealed, next.KeyID, next.Sealed, nullableBytes(next.PhoneHash)))
		}
		return err
	})
	return done, wrap("replace sealed value", err)
}

func replaceNote(ctx context.Context, tx *sql.Tx, old, next survey.SealedValue) (bool, error) {
	key := old.Response()
	var seq int64
	var doc []byte
	err := tx.QueryRowContext(ctx, "SELECT seq, doc FROM entries WHERE seq = (SELECT seq FROM responses WHERE key = ?) AND no = ?", key[:], old.No()).Scan(&seq, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	var e survey.Entry
	if err == nil {
		err = json.Unmarshal(doc, &e)
	}
	if err != nil || e.Original == nil || !bytes.Equal(e.Original.Sealed, old.Sealed) {
		return false, err
	}
	e.Original = nil
	if len(next.Sealed) > 0 {
		e.Original = &survey.SealedText{KeyID: next.KeyID, Sealed: next.Sealed}
	}
	if doc, err = json.Marshal(e); err != nil {
		return false, err
	}
	return changed(tx.ExecContext(ctx, "UPDATE entries SET doc = ? WHERE seq = ? AND no = ?", string(doc), seq, old.No()))
}

// OriginalComment implements survey.SealedStore.
func (s *Store) OriginalComment(ctx context.Context, key survey.Key) (t survey.SealedText, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT key_id, sealed FROM originals WHERE key = ?", key[:]).Scan(&t.KeyID, &t.Sealed)
	return t, wrap("read original comment", translate(err))
}

// Scrub implements survey.SealedStore: it folds the log into the database, where
// nothing of what was replaced is left, and empties it. Readers of an older state
// keep it from that; then the next time does.
func (s *Store) Scrub(ctx context.Context) error {
	var busy, log, done int
	err := s.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done)
	return wrap("empty the log", translate(err))
}

// addMasked finds those of some cases whose comment has its original.
func (s *Store) addMasked(ctx context.Context, found []survey.Case) error {
	for i := range found {
		if survey.ShowsMask(found[i].Response.Comment) {
			key := found[i].Response.Key
			if err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM originals WHERE key = ?)", key[:]).Scan(&found[i].Masked); err != nil {
				return err
			}
		}
	}
	return nil
}
