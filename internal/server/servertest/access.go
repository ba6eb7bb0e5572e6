package servertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/detonaut/detonaut"
	"github.com/detonaut/detonaut/internal/store"
)

// AddKey keeps a key.
func (s *Store) AddKey(_ context.Context, k store.APIKey) error {
	done, err := s.hold()
	defer done()
	s.keys = append(s.keys, k)
	return err
}

// KeyOf returns one.
func (s *Store) KeyOf(_ context.Context, hash string) (*store.APIKey, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, err
	}
	for _, k := range s.keys {
		if k.Hash == hash && k.Revoked.IsZero() {
			return &k, nil
		}
	}
	return nil, store.ErrNotFound
}

// Keys are all.
func (s *Store) Keys(context.Context) ([]store.APIKey, error) {
	done, err := s.hold()
	defer done()
	return slices.Clone(s.keys), err
}

// RevokeKey revokes one.
func (s *Store) RevokeKey(_ context.Context, id string) error {
	done, err := s.hold()
	defer done()
	if err != nil {
		return err
	}
	for i := range s.keys {
		if s.keys[i].ID == id {
			s.keys[i].Revoked = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
			return nil
		}
	}
	return store.ErrNotFound
}

// Note notes.
func (s *Store) Note(_ context.Context, d store.Deed) error {
	done, err := s.hold()
	defer done()
	s.deeds = append(s.deeds, d)
	return err
}

// Deeds are the newest first.
func (s *Store) Deeds(_ context.Context, p store.Page) ([]store.Deed, string, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, "", err
	}
	return part(newest(s.deeds), p)
}

// AddDispute keeps one.
func (s *Store) AddDispute(_ context.Context, d store.Dispute) error {
	done, err := s.hold()
	defer done()
	s.disputes = append(s.disputes, d)
	return err
}

// Disputes are the newest first.
func (s *Store) Disputes(_ context.Context, d detonaut.Digest, p store.Page) ([]store.Dispute, string, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, "", err
	}
	return part(newest(slices.DeleteFunc(slices.Clone(s.disputes), func(o store.Dispute) bool { return d != "" && o.Digest != d })), p)
}

// AddHook keeps one.
func (s *Store) AddHook(_ context.Context, h store.Hook) error {
	done, err := s.hold()
	defer done()
	s.hooks = append(s.hooks, h)
	return err
}

// AllHooks are all.
func (s *Store) AllHooks(context.Context) ([]store.Hook, error) {
	done, err := s.hold()
	defer done()
	return slices.Clone(s.hooks), err
}

// DropHook forgets one.
func (s *Store) DropHook(_ context.Context, id string) error {
	done, err := s.hold()
	defer done()
	if err != nil {
		return err
	}
	n := len(s.hooks)
	s.hooks = slices.DeleteFunc(s.hooks, func(h store.Hook) bool { return h.ID == id })
	if len(s.hooks) == n {
		return store.ErrNotFound
	}
	return nil
}

// Submit keeps a submission.
func (s *Store) Submit(_ context.Context, n store.Submission) (*store.Submission, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, err
	}
	for _, o := range s.submissions {
		if n.Key != "" && o.Key == n.Key {
			c := *o
			return &c, nil
		}
	}
	n.ID, n.State, n.Created = fmt.Sprintf("s%d", len(s.submissions)+1), store.Queued, time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	s.submissions = append(s.submissions, &n)
	c := n
	return &c, nil
}

// Submission returns one.
func (s *Store) Submission(_ context.Context, id string) (*store.Submission, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, err
	}
	for _, o := range s.submissions {
		if o.ID == id {
			c := *o
			return &c, nil
		}
	}
	return nil, store.ErrNotFound
}

// Recent are the newest first.
func (s *Store) Recent(_ context.Context, owner string, p store.Page) ([]store.Submission, string, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, "", err
	}
	var all []store.Submission
	for _, o := range s.submissions {
		if owner == "" || o.Owner == owner {
			all = append(all, *o)
		}
	}
	return part(newest(all), p)
}

// Cancel ends one.
func (s *Store) Cancel(_ context.Context, id string) error { return s.End(id, store.Cancelled) }

// End ends one in a state.
func (s *Store) End(id string, state store.State) error {
	done, err := s.hold()
	defer done()
	if err != nil {
		return err
	}
	for _, o := range s.submissions {
		if o.ID == id {
			o.State = state
			return nil
		}
	}
	return store.ErrNotFound
}

// AddProgress tells.
func (s *Store) AddProgress(_ context.Context, id string, told []store.Progress) error {
	done, err := s.hold()
	defer done()
	for _, p := range told {
		p.Number = int64(len(s.progress[id]) + 1)
		s.progress[id] = append(s.progress[id], p)
	}
	return err
}

// Progress is what was told.
func (s *Store) Progress(_ context.Context, id string, after int64, limit int) ([]store.Progress, error) {
	done, err := s.hold()
	defer done()
	if err != nil {
		return nil, err
	}
	all := s.progress[id]
	from := min(int(after), len(all))
	return slices.Clone(all[from:min(len(all), from+limit)]), nil
}
