package intake

import (
	"fmt"

	"manyi/survey"
	"manyi/survey/keyring"
)

// HideComment hides the numbers in a response's comment and seals what was typed. The
// response has its key already.
func HideComment(sealer keyring.Sealer, r *survey.Response) error {
	masked, original, err := hide(sealer, r.Comment, survey.SealedText{}.Comment(r.Key))
	if original != nil {
		r.Comment, r.Original = masked, original
	}
	return err
}

// HideNotes does the same for the notes of a case's new entries, which have their
// numbers already.
func HideNotes(sealer keyring.Sealer, key survey.Key, made []survey.Entry) error {
	for i := range made {
		e := &made[i]
		masked, original, err := hide(sealer, e.Note, survey.SealedText{}.Note(key, e.No))
		if err != nil {
			return err
		}
		if original != nil {
			e.Note, e.Original = masked, original
		}
	}
	return nil
}

func hide(sealer keyring.Sealer, text string, at survey.SealedValue) (string, *survey.SealedText, error) {
	masked := survey.Mask(text)
	if masked == text {
		return text, nil, nil
	}
	id, sealed, err := sealer.Seal([]byte(text), at.Bound())
	if err != nil {
		return "", nil, fmt.Errorf("seal what was typed: %w", err)
	}
	return masked, &survey.SealedText{KeyID: id, Sealed: sealed}, nil
}

// HideNotes hides the numbers in the notes of a case's new entries and seals what was
// typed.
func (in *Intake) HideNotes(key survey.Key, made []survey.Entry) error {
	return HideNotes(in.sealer, key, made)
}

// Original opens what was typed where a comment or note has a number hidden. Whoever
// asks has to be allowed to see it, and leave a trace.
func (in *Intake) Original(v survey.SealedValue) (string, error) {
	plain, err := in.sealer.Open(v.KeyID, v.Sealed, v.Bound())
	if err != nil {
		return "", fmt.Errorf("open what was typed: %w", err)
	}
	return string(plain), nil
}
