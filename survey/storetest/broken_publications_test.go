package storetest_test

import (
	"context"
	"errors"
	"testing"

	"manyi/survey"
)

// TestBrokenStoresOfPublicationsAreCaught is TestBrokenStoresAreCaught for publications.
func TestBrokenStoresOfPublicationsAreCaught(t *testing.T) {
	catch(t, []brokenStore{
		{"loses a signature", func(s survey.Store) survey.Store { return losesSignature{s} }, "publications/one comes back whole, to the byte"},
		{"puts a publication in place of another", func(s survey.Store) survey.Store {
			return replacesPublication{s, map[survey.PublicationID]survey.Publication{}}
		}, "publications/numbers follow one another, and what is there stays"},
		{"lets many have one number", func(s survey.Store) survey.Store { return saysPublished{s} }, "publications/of many with one number one stands"},
		{"knows one source only", func(s survey.Store) survey.Store { return oneSource{s} }, "publications/those made elsewhere come once, in any order"},
		{"says that it added what was there", func(s survey.Store) survey.Store { return saysCompleted{s} }, "publications/a document that was missing is added once, and all else stays"},
		{"adds to a publication of any source", func(s survey.Store) survey.Store { return completesAny{s} }, "publications/a document that was missing is added once, and all else stays"},
		{"lists all that was taken in as made here", func(s survey.Store) survey.Store { return listsAllPublications{s} }, "publications/they are chosen and listed in order, without bodies"},
		{"lists with bodies", func(s survey.Store) survey.Store { return listsBodies{s} }, "publications/they are chosen and listed in order, without bodies"},
		{"keeps what was not hashed", func(s survey.Store) survey.Store { return hashesAnew{s} }, "publications/what does not pass its check is not kept"},
	})
}

type losesSignature struct{ survey.Store }

func (s losesSignature) Publication(ctx context.Context, id survey.PublicationID) (survey.Publication, error) {
	p, err := s.Store.Publication(ctx, id)
	p.Auditor.Signature = nil
	return p, err
}

type replacesPublication struct {
	survey.Store
	latest map[survey.PublicationID]survey.Publication
}

func (s replacesPublication) PutPublication(ctx context.Context, p survey.Publication) error {
	err := s.Store.PutPublication(ctx, p)
	if _, there := s.latest[p.PublicationID]; err == nil || there {
		s.latest[p.PublicationID] = p
	}
	return err
}

func (s replacesPublication) Publication(ctx context.Context, id survey.PublicationID) (survey.Publication, error) {
	if p, ok := s.latest[id]; ok {
		return p, nil
	}
	return s.Store.Publication(ctx, id)
}

// saysPublished tells everybody that theirs is the one.
type saysPublished struct{ survey.Store }

func (s saysPublished) PutPublication(ctx context.Context, p survey.Publication) error {
	err := s.Store.PutPublication(ctx, p)
	if errors.Is(err, survey.ErrExists) {
		return nil
	}
	return err
}

// oneSource leaves the source out of the id.
type oneSource struct{ survey.Store }

func (s oneSource) PutPublication(ctx context.Context, p survey.Publication) error {
	if p.Source != "" {
		p.Source = "any"
	}
	return s.Store.PutPublication(ctx, p)
}

// saysCompleted tells everybody that they were the first.
type saysCompleted struct{ survey.Store }

func (s saysCompleted) CompletePublication(ctx context.Context, p survey.Publication) error {
	err := s.Store.CompletePublication(ctx, p)
	if errors.Is(err, survey.ErrExists) {
		return nil
	}
	return err
}

// completesAny leaves the source out.
type completesAny struct{ survey.Store }

func (s completesAny) CompletePublication(ctx context.Context, p survey.Publication) error {
	err := s.Store.CompletePublication(ctx, p)
	if err == nil {
		p.Source = "manyi+1+B"
		err = s.Store.CompletePublication(ctx, p)
	}
	return err
}

type listsAllPublications struct{ survey.Store }

func (s listsAllPublications) Publications(ctx context.Context, q survey.PublicationQuery, yield func(survey.Publication) error) error {
	q.Here = false
	return s.Store.Publications(ctx, q, yield)
}

type listsBodies struct{ survey.Store }

func (s listsBodies) Publications(ctx context.Context, q survey.PublicationQuery, yield func(survey.Publication) error) error {
	return s.Store.Publications(ctx, q, func(p survey.Publication) error {
		p, err := s.Publication(ctx, p.PublicationID)
		if err != nil {
			return err
		}
		return yield(p)
	})
}

// hashesAnew makes any document fit its hash.
type hashesAnew struct{ survey.Store }

func (s hashesAnew) PutPublication(ctx context.Context, p survey.Publication) error {
	for _, d := range []*survey.Document{&p.Public, &p.Auditor} {
		*d = survey.NewDocument(d.Body, d.Signature)
	}
	return s.Store.PutPublication(ctx, p)
}
