package storetest_test

import (
	"context"

	"manyi/survey"
)

// Stores that break a guarantee about what is encrypted.

// skipsSealed leaves out one value at the end of a page.
type skipsSealed struct{ survey.Store }

func (s skipsSealed) SealedValues(ctx context.Context, kind survey.SealedKind, yield func(survey.SealedValue) error) error {
	n := 0
	return s.Store.SealedValues(ctx, kind, func(v survey.SealedValue) error {
		if n++; n == 2000 {
			return nil
		}
		return yield(v)
	})
}

// replacesAnyway does not look at what is there.
type replacesAnyway struct{ survey.Store }

func (s replacesAnyway) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	err := s.Store.SealedValues(ctx, old.Kind, func(v survey.SealedValue) error {
		if string(v.ID) == string(old.ID) {
			old = v
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	_, err = s.Store.ReplaceSealed(ctx, old, next)
	return true, err
}

// keepsHash seals a contact anew and leaves the hash of its phone.
type keepsHash struct{ survey.Store }

func (s keepsHash) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	next.PhoneHash = old.PhoneHash
	return s.Store.ReplaceSealed(ctx, old, next)
}

// erasesNothing says it did.
type erasesNothing struct{ survey.Store }

func (s erasesNothing) ReplaceSealed(ctx context.Context, old, next survey.SealedValue) (bool, error) {
	if len(next.Sealed) == 0 {
		return true, nil
	}
	return s.Store.ReplaceSealed(ctx, old, next)
}

// losesOriginals stores what is masked only.
type losesOriginals struct{ survey.Store }

func (s losesOriginals) AddResponses(ctx context.Context, group []survey.Response) ([]bool, error) {
	bare := append([]survey.Response{}, group...)
	for i := range bare {
		bare[i].Original = nil
	}
	return s.Store.AddResponses(ctx, bare)
}
