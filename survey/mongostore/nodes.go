package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"manyi/survey"
)

type pinDoc struct {
	Name  string `bson:"_id"`
	Value string `bson:"value"`
}

// Pin implements survey.NodeStore.
func (s *Store) Pin(ctx context.Context, name, value string) (kept string, err error) {
	err = s.do(ctx, "pin", func() error {
		pins := s.db.Collection("pins")
		if _, err := pins.InsertOne(ctx, pinDoc{name, value}); err == nil || !mongo.IsDuplicateKeyError(err) {
			kept = value
			return err
		}
		d, err := one[pinDoc](ctx, pins, byID(name))
		kept = d.Value
		return err
	})
	return kept, err
}

// Pins implements survey.NodeStore.
func (s *Store) Pins(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := s.do(ctx, "read what is pinned", func() error {
		docs, err := all[pinDoc](ctx, s.db.Collection("pins"), bson.D{})
		for _, d := range docs {
			out[d.Name] = d.Value
		}
		return err
	})
	return out, err
}

type nodeDoc struct {
	Name     string    `bson:"_id"`
	Seen     time.Time `bson:"seen"`
	Version  string    `bson:"version"`
	Waiting  int       `bson:"waiting"`
	SetAside int       `bson:"set_aside"`
	Oldest   time.Time `bson:"oldest,omitempty"` // of those waiting
	Keys     []string  `bson:"keys,omitempty"`
}

// PutNode implements survey.NodeStore.
func (s *Store) PutNode(ctx context.Context, n survey.Node) error {
	return s.do(ctx, "report node", func() error {
		return put(ctx, s.db.Collection("nodes"), n.Name, nodeDoc{n.Name, n.SeenAt, n.Version, n.Spool.Waiting, n.Spool.SetAside, n.Spool.Oldest, n.Keys})
	})
}

// Nodes implements survey.NodeStore.
func (s *Store) Nodes(ctx context.Context) (out []survey.Node, err error) {
	err = s.do(ctx, "read nodes", func() error {
		docs, err := all[nodeDoc](ctx, s.db.Collection("nodes"), bson.D{}, sorted("_id"))
		for _, d := range docs {
			out = append(out, survey.Node{Name: d.Name, SeenAt: d.Seen.UTC(), Version: d.Version, Keys: d.Keys,
				Spool: survey.SpoolState{Waiting: d.Waiting, SetAside: d.SetAside, Oldest: d.Oldest.UTC()}})
		}
		return err
	})
	return out, err
}

// DropNode implements survey.NodeStore.
func (s *Store) DropNode(ctx context.Context, name string) error {
	return s.do(ctx, "drop node", func() error {
		_, err := s.db.Collection("nodes").DeleteOne(ctx, byID(name))
		return err
	})
}

type hitsDoc struct {
	ID   hitsID   `bson:"_id"`
	Hits []hitDoc `bson:"hits"` // a list, since a source may hold any letter
}

type hitsID struct {
	Minute int64  `bson:"minute"`
	Node   string `bson:"node"`
}

type hitDoc struct {
	Source string `bson:"source"`
	N      int    `bson:"n"`
}

// ShareHits implements survey.NodeStore.
func (s *Store) ShareHits(ctx context.Context, node string, minute int64, hits map[string]int) (map[string]int, error) {
	others := map[string]int{}
	err := s.do(ctx, "share hits", func() error {
		c := s.db.Collection("hits")
		mine := hitsDoc{ID: hitsID{minute, node}, Hits: []hitDoc{}}
		for source, n := range hits {
			mine.Hits = append(mine.Hits, hitDoc{source, n})
		}
		if err := put(ctx, c, mine.ID, mine); err != nil {
			return err
		}
		docs, err := all[hitsDoc](ctx, c, field("_id.minute", minute))
		if err != nil {
			return err
		}
		for _, d := range docs {
			for _, h := range d.Hits {
				if _, too := hits[h.Source]; too && d.ID.Node != node {
					others[h.Source] += h.N
				}
			}
		}
		return nil
	})
	return others, err
}
