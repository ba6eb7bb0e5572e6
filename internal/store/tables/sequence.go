package tables

import "context"

// alone has others wait who want the same name, until the transaction has ended.
func (s *Store) alone(ctx context.Context, tx session, name string) error {
	if s.dialect.Alone == "" {
		return nil
	}
	_, err := tx.exec(ctx, s.dialect.Alone, name)
	return err
}

// next takes the number of a change. What follows in the transaction must not wait for other
// transactions: somebody may wait for this one, and have them wait (see [Store.horizon]).
func (s *Store) next(ctx context.Context, tx session) (seq int64, err error) {
	return last(ctx, tx, s.dialect.Next)
}

// last does what the statements say, and returns the number that the last one gives.
func last(ctx context.Context, tx session, statements []string) (n int64, err error) {
	end := len(statements) - 1
	for _, q := range statements[:end] {
		if _, err := tx.exec(ctx, q); err != nil {
			return 0, err
		}
	}
	return n, tx.row(ctx, statements[end]).Scan(&n)
}

// horizon returns a number up to which all changes are committed, or never will be; at least
// after, which was one before.
func (s *Store) horizon(ctx context.Context, after int64) (seq int64, err error) {
	h := s.dialect.Horizon
	if seq, err = last(ctx, s.look(), h[len(h)-1:]); err != nil || seq <= after {
		return after, err // nobody has taken a number since
	}
	if len(h) == 1 {
		return seq, nil
	}
	err = s.change(ctx, func(tx session) error {
		seq, err = last(ctx, tx, h)
		return err
	})
	return max(seq, after), err
}
